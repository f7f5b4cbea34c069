/** What came at once of a stream of Server-Sent Events: the text, and the events that are whole by it, each as it stands there. */
export interface Piece {
  readonly text: string;
  readonly blocks: readonly string[];
}

/** Reads an answer to its end. Throws where the connection breaks, and where it ends within an event. */
export async function* piecesOf(response: Response): AsyncGenerator<Piece> {
  let rest = "";
  for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const blocks = `${rest}${text}`.split("\n\n");
    rest = blocks.pop() ?? "";
    yield { text, blocks };
  }
  if (rest !== "") throw new Error(`the stream ended within an event: ${JSON.stringify(rest.slice(0, 200))}`);
}
