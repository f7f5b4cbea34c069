const KIB = 1024;
const MIB = 1024 * KIB;

/** Bounds of images that are not settings; `docs/limits.md` has each. */
export const IMAGE_LIMITS = {
  layersMax: 256,
  /** Bytes of a manifest, an index or a configuration. */
  documentBytesMax: 4 * MIB,
  /** Bytes of one layer as it is transferred, and of one as it is unpacked. */
  layerBytesMax: 16 * KIB * MIB,
  /** Entries of an image archive. */
  archiveEntriesMax: 10_000,
  /** Bytes of all extended headers of one, which have its longer names. */
  archiveHeaderBytesMax: 4 * MIB,
  /** Bytes of the memory that a zstd layer may want for its window, as a power of two. */
  zstdWindowLogMax: 27,
  /** Milliseconds for the head of a registry's answer, and between two pieces of its body. */
  headMs: 30_000,
  stallMs: 60_000,
  redirectsMax: 5,
  /** Characters of a variable and of the whole command that an image may set. */
  textCharsMax: 64 * KIB,
} as const;
