/** The API's version, which is that of every package of a release. */
export const API_VERSION = "0.1.0";

/** Says on every answer which version the server has. */
export const VERSION_HEADER = "Capsuled-Version";

/** In an error's `details.reason`: not an object is missing, but the path itself is none of this version's. */
export const NO_SUCH_PATH = "no_such_path";
