import type { Role } from "@capsuled/contract";

/** Who is calling, once the key was checked. */
export interface Principal {
  readonly keyId: string;
  readonly teamId: string;
  readonly role: Role;
  /** Whether the team is the installation's first. */
  readonly isFirstTeam: boolean;
}
