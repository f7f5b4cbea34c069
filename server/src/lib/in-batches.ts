/**
 * Works off what may be much: `work` takes at most `rowsMax` rows and returns how many it took. Ends with the first batch that is not
 * full, or after so many. Returns how many rows went.
 */
export async function inBatches(rowsMax: number, batchesMax: number, work: (rowsMax: number) => Promise<number>): Promise<number> {
  let total = 0;
  for (let batches = 0; batches < batchesMax; batches += 1) {
    const count = await work(rowsMax);
    total += count;
    if (count < rowsMax) break;
    // Other work goes on between two batches: a statement on SQLite holds the event loop.
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
  }
  return total;
}
