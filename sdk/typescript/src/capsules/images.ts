import type { UploadedImage } from "../contract/schemas.ts";
import type { CallOptions, Transport } from "../transport/transport.ts";

/** Image archives that templates are built of: `client.images`. */
export class Images {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Uploads a tar archive of one image, as `docker save` writes it or of an OCI image layout; gzip and zstd are taken too. A template is
   * built of it by `from: { image: { archive: id } }`, within an hour after its last use. The same archive has the same id. A stream may
   * have any size, and is sent once: a connection that breaks meanwhile is an error, and nothing is kept.
   */
  async upload(archive: Uint8Array | ReadableStream<Uint8Array>, options: CallOptions = {}): Promise<UploadedImage> {
    return this.#transport.json<UploadedImage>("uploadImage", {
      ...options,
      requestTimeoutMs: options.requestTimeoutMs ?? null,
      body: archive,
      contentType: "application/octet-stream",
    });
  }

  /** Removes an archive before its time; templates that were built of it stay. */
  async delete(id: string, options: CallOptions = {}): Promise<void> {
    await this.#transport.none("deleteImage", { ...options, params: { id } });
  }
}
