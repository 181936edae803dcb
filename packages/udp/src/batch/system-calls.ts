/** The calls of Linux, and of the event loop that Node runs on, which Node does not have itself. */
import { createRequire } from "node:module";
import { constants, endianness } from "node:os";
import { isMainThread } from "node:worker_threads";

/** A place in memory. Whoever passes one sees to it that what is there lives as long as the call, or as the system keeps it. */
export type Pointer = bigint;

/** Results below 0 are failures; `error` tells which. */
export interface SystemCalls {
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly bind: (fd: number, name: Uint8Array, nameBytes: number) => number;
  readonly connect: (fd: number, name: Uint8Array, nameBytes: number) => number;
  readonly getsockname: (fd: number, name: Uint8Array, nameBytes: Uint8Array) => number;
  readonly setsockopt: (fd: number, level: number, name: number, value: Uint8Array, valueBytes: number) => number;
  readonly close: (fd: number) => number;
  readonly recvmmsg: (fd: number, messages: Pointer, count: number, flags: number, timeout: null) => number;
  readonly sendmmsg: (fd: number, messages: Pointer, count: number, flags: number) => number;
  readonly sendmsg: (fd: number, message: Pointer, flags: number) => number;
  readonly epollCreate: (flags: number) => number;
  readonly epollControl: (poller: number, operation: number, fd: number, event: Uint8Array) => number;
  readonly epollWait: (poller: number, events: Uint8Array, count: number, timeoutMs: number) => number;
  readonly eventfd: (initial: number, flags: number) => number;
  /** Of a buffer that does not move; does not keep it alive. */
  readonly address: (bytes: Uint8Array) => Pointer;
  /** The number (errno) of the last call's failure. */
  readonly error: () => number;
  /** Calls back, in this thread's event loop, whenever the descriptor can be read. Ends with the process. */
  readonly watch: (fd: number, onReadable: () => void) => LoopWatch;
}

/** Whether a watched descriptor keeps the process alive. */
export interface LoopWatch {
  hold(): void;
  release(): void;
}

type Koffi = typeof import("koffi");

const uvPoll = 8;
const uvReadable = 1;

/** The calls, or why there are none here. */
export function loadSystemCalls(): SystemCalls | string {
  if (process.platform !== "linux") return `${process.platform} has no recvmmsg`;
  if (endianness() !== "LE" || !["x64", "arm64"].includes(process.arch)) return `not tried on ${process.arch}`;
  try {
    const koffi: Koffi = createRequire(import.meta.url)("koffi");
    return bindCalls(koffi);
  } catch (error) {
    return `koffi does not load: ${firstLine(error)}`;
  }
}

/** The system's word for an error number: "EAGAIN". */
export function errorName(number: number): string {
  return errorNames.get(number) ?? `errno ${number}`;
}

/** Of two words for one number the first: EAGAIN, not EWOULDBLOCK. */
const errorNames: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno)
    .map(([name, number]): [number, string] => [number, name])
    .toReversed(),
);

function bindCalls(koffi: Koffi): SystemCalls {
  const program = koffi.load(null);
  return {
    socket: program.func("int socket(int, int, int)"),
    bind: program.func("int bind(int, const void *, uint32_t)"),
    connect: program.func("int connect(int, const void *, uint32_t)"),
    getsockname: program.func("int getsockname(int, _Out_ void *, _Inout_ void *)"),
    setsockopt: program.func("int setsockopt(int, int, int, const void *, uint32_t)"),
    close: program.func("int close(int)"),
    recvmmsg: program.func("int recvmmsg(int, void *, uint32_t, int, void *)"),
    sendmmsg: program.func("int sendmmsg(int, void *, uint32_t, int)"),
    sendmsg: program.func("int64_t sendmsg(int, void *, int)"),
    epollCreate: program.func("int epoll_create1(int)"),
    epollControl: program.func("int epoll_ctl(int, int, int, void *)"),
    epollWait: program.func("int epoll_wait(int, _Out_ void *, int, int)"),
    eventfd: program.func("int eventfd(unsigned int, int)"),
    address: (bytes) => koffi.address(bytes),
    error: () => koffi.errno(),
    watch: (fd, onReadable) => watch(koffi, program, fd, onReadable),
  };
}

/**
 * By libuv's own poll handle, so that sockets are read in the turn of the event loop in which they became readable, beside
 * node:net's. An exception must not pass through libuv: it is thrown in a turn of its own, as one of node:dgram's
 * listeners would be.
 */
function watch(koffi: Koffi, program: ReturnType<Koffi["load"]>, fd: number, onReadable: () => void): LoopWatch {
  if (!isMainThread) throw new Error("the event loop of a worker thread cannot be had");
  const onPoll = koffi.proto("void OnPoll(void *handle, int status, int events)");
  const loop: Pointer = program.func("void *uv_default_loop()")();
  const handleBytes = Number(program.func("size_t uv_handle_size(int)")(uvPoll));
  const handle: Pointer = koffi.alloc("uint8_t", handleBytes);
  const callback = koffi.register(() => {
    try {
      onReadable();
    } catch (error) {
      setImmediate(() => {
        throw error;
      });
    }
  }, koffi.pointer(onPoll));
  const initialised: number = program.func("int uv_poll_init(void *, void *, int)")(loop, handle, fd);
  if (initialised < 0) throw new Error(`uv_poll_init: ${errorName(-initialised)}`);
  const started: number = program.func("int uv_poll_start(void *, int, OnPoll *)")(handle, uvReadable, callback);
  if (started < 0) throw new Error(`uv_poll_start: ${errorName(-started)}`);
  const ref = program.func("void uv_ref(void *)");
  const unref = program.func("void uv_unref(void *)");
  unref(handle);
  return { hold: () => ref(handle), release: () => unref(handle) };
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split("\n", 1)[0] ?? text).replace(/[.?!]+$/, "");
}
