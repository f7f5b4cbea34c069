/** The documented samples of a call, as they stand; a test puts its own URL and key in. */
export const SEED = {
  url: "https://api.wrapd.sh/v1/alice/deploy",
  key: "wrapd_sk_your_key",
  curl: `curl -N https://api.wrapd.sh/v1/alice/deploy \\
  -H "X-API-Key: wrapd_sk_your_key"`,
  fetch: `const response = await fetch('https://api.wrapd.sh/v1/alice/deploy', {
  method: 'POST',
  headers: {
    'X-API-Key': 'wrapd_sk_your_key',
    'Content-Type': 'application/json',
  },
  body: JSON.stringify({ branch: 'main' }),
});

const reader = response.body.getReader();
const decoder = new TextDecoder();

while (true) {
  const { done, value } = await reader.read();
  if (done) break;

  const text = decoder.decode(value, { stream: true });
  // Parse SSE events from text
  for (const line of text.split('\\n')) {
    if (line.startsWith('data: ')) {
      const event = JSON.parse(line.slice(6));
      console.log(event.type, event.data || event.exit_code);
    }
  }
}`,
} as const;
