/**
 * How the embedded server runs: fully durable, on a small machine that does other work too, under a queue's load of
 * many short writes. Given on the command line, so that an update of this file reaches existing clusters.
 */
export const SERVER_SETTINGS: Readonly<Record<string, string>> = {
  // For this machine's processes alone. TCP also works where a path would be too long for a socket.
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "100",

  // What was acknowledged survives a crash of the machine.
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",

  // Queue tables are small and hot: they fit into this.
  shared_buffers: "256MB",
  // After a checkpoint each page is logged whole once more, so checkpoints are kept rare. Costs up to 2 GB of disk
  // and some seconds of recovery after a crash.
  checkpoint_timeout: "15min",
  max_wal_size: "2GB",
  checkpoint_completion_target: "0.9",
  // There are no replicas to write the log for, and no helper process to run for them.
  wal_level: "minimal",
  max_wal_senders: "0",
  max_logical_replication_workers: "0",

  // Short statements: compiling or sharing them out costs more than it gains. Parallel plans would also need more of
  // /dev/shm than a container has.
  jit: "off",
  max_parallel_workers_per_gather: "0",
  // Spares three helper processes; the data is in memory anyway.
  io_method: "sync",

  // Warnings and errors only, so that the log stays small.
  log_min_messages: "warning",
  log_checkpoints: "off",
  log_line_prefix: "%m [%p] %a ",
  log_timezone: "UTC",
  timezone: "UTC",
};

/** As arguments of `postgres`. */
export const settingArguments = (settings: Readonly<Record<string, string>>): string[] =>
  Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
