/** Bounds of teams and keys. */
export const ACCESS_LIMITS = {
  /** Milliseconds that a checked key is good without another look; so long may a key revoked on another server go on. */
  keyFreshMsMax: 5000,
  /** Milliseconds that an unknown key is refused without another look. */
  unknownKeyFreshMsMax: 1000,
  /** Milliseconds since its last check that a key is good while the database is gone. */
  keyOutageMsMax: 3_600_000,
  /** Milliseconds between two looks for one key while the database is gone. */
  keyRetryMs: 1000,
  /** Keys remembered. */
  cachedKeysMax: 10_000,
  /** Unknown keys remembered. */
  cachedUnknownKeysMax: 1000,
  /** Keys of a team. */
  teamKeysMax: 100,
  /** Teams of an installation. */
  teamsMax: 10_000,
} as const;
