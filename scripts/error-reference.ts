import { ERRORS, ERROR_CODES, OPERATION_LIST } from "@capsuled/contract";
import type { ErrorCode, Retry, StreamErrorCode } from "@capsuled/contract";

/** When a code is answered, and what helps. */
interface Advice {
  readonly when: string;
  readonly mend: string;
}

const ADVICE = {
  invalid_request: {
    when: "A field is missing, unknown or of a wrong form, or two that exclude each other are given.",
    mend: "`details.problems` names each field with what is wrong. Correct them; the same request gets the same answer.",
  },
  invalid_offset: {
    when: "`from` or `offset` lies beyond what was printed.",
    mend: "Begin at `next` of the last answer, or at `start`. Another process has positions of its own.",
  },
  unauthorized: {
    when: "There is no key, one that was revoked, or one of another server.",
    mend: "Send `X-API-Key`. The first key is in `admin-key` of the server's data directory; an admin key makes others by `POST /v1/keys`.",
  },
  invalid_signature: {
    when: "A webhook's signature is missing, made with another secret or over another body, or older than 5 minutes.",
    mend: "Compare `secret` with the sender's, and sign the body as it is sent, byte by byte. Look at the clocks of both.",
  },
  forbidden: {
    when: "The key is a member's and the operation an admin's; a page's origin is not allowed; the capsule's kernel refuses it.",
    mend: "Use a key with the role `admin`; name the origin in `CAPSULED_CORS_ORIGINS`; open a port by its host name.",
  },
  not_found: {
    when: "There is no such thing, it is gone, or it is another team's. With `details.reason: no_such_path` the path itself is unknown.",
    mend: "Check the id and the key's team. For an unknown path, compare the server's version with the client's.",
  },
  method_not_allowed: {
    when: "The path takes other methods; of an endpoint, those of its definition.",
    mend: "Use one that `Allow` names.",
  },
  request_timeout: {
    when: "The request's head or body came too slowly. Nothing was done.",
    mend: "Send it again. For large bodies over slow lines use the streamed operations.",
  },
  invalid_state: {
    when: "The capsule is paused, stopped, starting or failed, and the operation needs another state.",
    mend: "Resume or start it, or wait until it runs; `message` of the capsule says why one has failed.",
  },
  tag_in_use: {
    when: "A live process of the capsule has that tag.",
    mend: "Choose another, leave it out, or end the process first.",
  },
  conflict: {
    when: "A name or a path is taken, or what was asked has changed meanwhile.",
    mend: "Choose another name; `on_conflict=return`, `overwrite` or `exclusive` say what is to be done instead where they are taken.",
  },
  name_reserved: {
    when: "A template that every team has is named so.",
    mend: "Choose another name.",
  },
  template_name_taken: {
    when: "The team has, or is building, a template of that name.",
    mend: "Delete it, choose another name, or send `overwrite`.",
  },
  idempotency_in_progress: {
    when: "The first request with this `Idempotency-Key` has no answer yet, after 30 s of waiting.",
    mend: "Send the same again; it gets the first one's answer. SDKs do so.",
  },
  capsule_gone: {
    when: "The capsule that an endpoint is bound to does not exist any more; on a socket, it has stopped.",
    mend: "Bind the endpoint to another, or to a template; a stopped capsule can be started.",
  },
  result_expired: {
    when: "The command has run, by this `Idempotency-Key`, and its output is not kept any more.",
    mend: "It is not run again by that key. Read results sooner, or run it under another key if once more does no harm.",
  },
  too_large: {
    when: "A body, a header or a message is larger than its bound.",
    mend: "`details` names the bound; `files/stream/write` takes files of any size.",
  },
  unsupported_media_type: {
    when: "The body has a `Content-Type` that the operation does not take.",
    mend: "Send `Content-Type: application/json`, or what the operation names.",
  },
  range_not_satisfiable: {
    when: "`Range` begins beyond the file's end.",
    mend: "Ask for its size by `files/stat` first.",
  },
  idempotency_conflict: {
    when: "The key was used for another request; `details.differs` says in what.",
    mend: "A new request needs a new key. A repeat has to say the same as the first.",
  },
  upgrade_required: {
    when: "The path is a WebSocket, and was asked for as a page.",
    mend: "Connect with a WebSocket client.",
  },
  quota_exceeded: {
    when: "The team has as many capsules, templates, keys or tickets as it may.",
    mend: "Destroy or stop some, or raise the limit in the server's settings; `message` names it.",
  },
  rate_limited: {
    when: "More calls in a minute than the key, or the address, may make.",
    mend: "Wait for as long as `Retry-After` says. `CAPSULED_CALL_RATE` and `CAPSULED_PUBLIC_CALL_RATE` are the bounds.",
  },
  queue_full: {
    when: "`max_concurrency` runs of the endpoint go on, and as many wait as may.",
    mend: "Call later, or raise `max_concurrency`.",
  },
  queue_timeout: {
    when: "The run's turn did not come within the endpoint's timeout. Nothing has run.",
    mend: "Call later, raise `max_concurrency`, or shorten what the endpoint does.",
  },
  internal_error: {
    when: "A fault of the server.",
    mend: "Its log has the `request_id`. Whether something was done is not known: repeat with the same `Idempotency-Key`.",
  },
  transform_failed: {
    when: "The command ended with 0, and its output is not what the transformer reads.",
    mend: "`GET /v1/runs/{id}` has the output. Mend the command or the transformer.",
  },
  run_failed: {
    when: "No capsule was to be had for the run, or its end was not seen.",
    mend: "`details` and the run say why. Call again if once more does no harm.",
  },
  agent_error: {
    when: "What works for the server inside the capsule was lost, or does not answer as it should.",
    mend: "Look at the capsule: its `status` and `message` say whether it lives. Repeat with the same `Idempotency-Key`.",
  },
  port_unavailable: {
    when: "Nothing listens on that port, or what listens does not speak HTTP.",
    mend: "Wait until it listens: `GET …/ports` tells. It has to listen on 127.0.0.1, ::1 or all addresses.",
  },
  host_full: {
    when: "The host has no room: capsules, memory or disk.",
    mend: "Destroy what is not needed, or wait. `CAPSULED_CAPSULES_MAX` and the floors in the settings are the bounds.",
  },
  process_limit: {
    when: "The capsule has as many processes, streams or watches as it may.",
    mend: "End some of them; close watches that nobody reads.",
  },
  connection_limit: {
    when: "As many connections to the capsule's ports are open as it, or the server, may have.",
    mend: "Close some, or try again when others have ended.",
  },
  unavailable: {
    when: "The database does not answer, or a paused capsule holds the answer back.",
    mend: "Try again; with the same `Idempotency-Key` nothing is done twice. SDKs do so.",
  },
  shutting_down: {
    when: "The server stops. Nothing was done; capsules go on.",
    mend: "Try again once it is back. SDKs do so.",
  },
  disk_full: {
    when: "The capsule's disk has reached `disk_mb`. Nothing of the file is left.",
    mend: "Remove files in it, or make a capsule with a larger `disk_mb`.",
  },
  timeout: {
    when: "The command did not end within its `timeout`; its whole tree was killed.",
    mend: "`details` has what it had printed. Give it more time, 0 for no end, or run it in the background.",
  },
} as const satisfies Record<ErrorCode, Advice>;

type OnlyStream = Exclude<StreamErrorCode, ErrorCode>;

const STREAM_ADVICE = {
  spawn_failed: { when: "The program is not there, or cannot be executed.", mend: "`data` says which. For a line of shell: `sh -c`." },
  cwd_not_found: { when: "The working directory is not there.", mend: "Make it first, or leave `cwd` out." },
  bad_message: { when: "A message is not JSON, or none that this socket takes.", mend: "`data` names the field." },
  bad_first_message: {
    when: "The first message is no `start` (or `connect`), or a field of it is wrong.",
    mend: "`data` names the field.",
  },
  first_message_late: { when: "No first message came in time.", mend: "Send it as soon as the socket is open." },
  stdin_full: {
    when: "More waits for the process's standard input than may.",
    mend: "Wait for `stdin_ack` before more is sent; SDKs do so.",
  },
  stdin_gap: { when: "Bytes before those that were sent are missing.", mend: "Go on from `bytes` of the last `stdin_ack` or `start`." },
  slow_consumer: { when: "Nothing was read for too long. The process goes on.", mend: "Connect again with `from` the next record." },
  terminal_not_found: { when: "No terminal has that tag, id or pid, or it is not kept any more.", mend: "Open one: `start`." },
  output_gap: {
    when: "Bytes of a terminal are not kept any more; with binary frames this is how they are told.",
    mend: "It ends nothing. Clear the screen: Ctrl-L redraws most programs.",
  },
  user_not_found: { when: "The capsule has no such user.", mend: "Name one of its `/etc/passwd`, or a number." },
  server_stopping: { when: "The server stops. The process goes on.", mend: "Connect again with `from` the next record." },
} as const satisfies Record<OnlyStream, Advice>;

const REPEAT = {
  never: "no",
  immediately: "at once",
  after_delay: "later",
  indeterminate: "by the same key",
} as const satisfies Record<Retry, string>;

/** docs/reference/errors.md, from the contract's catalogue. */
export function renderErrorReference(): string {
  const rows = ERROR_CODES.map((code) => {
    const { status, retry } = ERRORS[code];
    const { when, mend } = ADVICE[code];
    return `| <a id="${code}"></a>\`${code}\` | ${status} | ${when} | ${mend} | ${REPEAT[retry]} |`;
  });
  const streamed = Object.entries(STREAM_ADVICE).map(([code, { when, mend }]) => `| <a id="${code}"></a>\`${code}\` | ${when} | ${mend} |`);
  return `${PROSE}
| code | status | when | what to do | again |
|---|---|---|---|---|
${rows.join("\n")}

## On sockets

After its upgrade a socket tells of errors by a message \`{"type":"error","code":…,"data":…}\`, with the codes above and these:

| code | when | what to do |
|---|---|---|
${streamed.join("\n")}

## Which operations

${OPERATION_LIST.filter(({ errors }) => errors.length > 0)
  .map(({ id, errors }) => `- \`${id}\`: ${errors.map((code) => `[\`${code}\`](#${code})`).join(", ")}`)
  .join("\n")}
`;
}

const PROSE = `# Errors

Generated from \`contract/src/errors.ts\` by \`npm run generate\`.

Every refusal is \`{"error":{"code":…,"message":…,"request_id":…,"details":…}}\`. **\`code\`** is for programs and one of this list, which is
closed; \`message\` is for people; \`request_id\` is also the header \`X-Request-Id\`, and in the server's log. SDKs have a class for each
code, and repeat by themselves what may be repeated. What a command does is no error: an exit code other than 0 is a 200.

The last column says whether the same request can have another outcome: \`later\` after \`Retry-After\`, where it is sent; \`by the same
key\` where nobody knows what was done, so that only a repeat with the same [\`Idempotency-Key\`](../spec/idempotency.md) is safe.
`;
