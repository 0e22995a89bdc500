/** What the files of Linux's /proc say about a process: pure readers, so that their formats can be tested anywhere. */

/** `man proc`: times in /proc/<pid>/stat count in these, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** /proc/<pid>/task/<tid>/schedstat: how long the thread has run, in seconds. Nanoseconds in the file. */
export function threadSeconds(schedstat: string): number {
  return Number(schedstat.split(' ', 1)[0]) / 1e9
}

/** /proc/<pid>/stat: user and system time of the whole process, threads that have ended too, rounded down to ticks. */
export function tickSeconds(stat: string): number {
  // The second field is the program's name in parentheses, and may hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** /proc/<pid>/status: memory that is in no file, in MiB. A process that is ending has none. */
export function anonymousMiB(status: string): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024
}
