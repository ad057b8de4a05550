"""CPython's side of `mp bench`: bench.py WORKLOAD WORKERS SECONDS.

Takes one measurement and prints it as a line of JSON; what shares memory is in
shared.py, what sends messages in messages.py. It repeats, checks and
averages like the Go side in cmd/mp/workloads. A wrong result is an exception.

Below 0.2 seconds it is a probe, which only has to tell interpreters apart: the
bursts are then half as long. Not shorter: the start of a burst is often quick
where the rest is not.
"""

import multiprocessing
import os
import sys
import time

# Children of the start method spawn import this file: it imports no more than
# it needs there.


def noop():
    pass


def leave(code):
    os._exit(code)


def square(x):
    return x * x


def whoami(seconds):
    time.sleep(seconds)
    return os.getpid()


def check(ok, what):
    if not ok:
        raise SystemExit("wrong result: " + what)


def quantile(values, q):
    values = sorted(values)
    at = q * (len(values) - 1)
    below = int(at)
    above = min(below + 1, len(values) - 1)
    return values[below] + (at - below) * (values[above] - values[below])


def repeat(seconds, work):
    """The best time of work(), repeated for so long; it returns its own time."""
    times, start = [], time.perf_counter()
    while not times or time.perf_counter() - start < seconds:
        times.append(work())
    return min(times)


def size(n, seconds):
    """How many items a burst of n has: half in a probe."""
    return n if seconds >= 0.2 else n // 2


def timed(work):
    start = time.perf_counter()
    value = work()
    return time.perf_counter() - start, value


def start_join_spawn(workers, seconds):
    context = multiprocessing.get_context("spawn")

    def one(code, target, *args):
        process = context.Process(target=target, args=args)
        process.start()
        process.join()
        check(process.exitcode == code, "exit code %r instead of %d" % (process.exitcode, code))

    def batch(n):
        for _ in range(n):
            one(0, noop)

    one(7, leave, 7)
    n = 3
    return {"start_join_spawn": repeat(seconds, lambda: timed(lambda: batch(n))[0]) / n * 1e6}


def apply_rtt(workers, seconds):
    with multiprocessing.Pool(1) as pool:

        def calls(n):
            for i in range(n):
                check(pool.apply(square, (i,)) == i * i, "square(%d)" % i)

        calls(200)
        n = size(3000, seconds)
        mean = repeat(seconds * 0.6, lambda: timed(lambda: calls(n))[0]) / n
        latencies, start = [], time.perf_counter()
        while time.perf_counter() - start < seconds * 0.4:
            i = len(latencies)
            took, value = timed(lambda: pool.apply(square, (i,)))
            check(value == i * i, "square(%d)" % i)
            latencies.append(took)
    return {
        "apply_rtt": mean * 1e6,
        "apply_rtt_p50": quantile(latencies, 0.5) * 1e6,
        "apply_rtt_p99": quantile(latencies, 0.99) * 1e6,
    }


def burst(pool, n):
    """Time of n apply_async and then all their results."""
    took, values = timed(lambda: [r.get() for r in [pool.apply_async(square, (i,)) for i in range(n)]])
    check(values == [i * i for i in range(n)], "apply_async(square)")
    return took


def submit_burst(workers, seconds):
    with multiprocessing.Pool(workers) as pool:
        burst(pool, 2000)
        n = size(20000, seconds)
        return {"submit_burst": n / repeat(seconds, lambda: burst(pool, n))}


def map_tiny(workers, seconds):
    n = 1000000
    right = [i * i for i in range(n)]
    with multiprocessing.Pool(workers) as pool:

        def work(n):
            took, values = timed(lambda: pool.map(square, range(n)))
            check(values == right[:n], "map(square)")
            return took

        work(n // 10)
        return {"map_tiny": n / repeat(seconds, lambda: work(n))}


def imap_unordered_1(workers, seconds):
    with multiprocessing.Pool(workers) as pool:

        def work(n):
            took, values = timed(lambda: list(pool.imap_unordered(square, range(n), 1)))
            check(sorted(values) == [i * i for i in range(n)], "imap_unordered(square)")
            return took

        work(2000)
        n = size(5000, seconds)
        return {"imap_unordered_1": n / repeat(seconds, lambda: work(n))}


def memory(pool):
    """MiB of a worker, on average: PSS, private dirty."""
    sums = {"Pss:": 0, "Private_Dirty:": 0}
    for process in pool._pool:
        with open("/proc/%d/smaps_rollup" % process.pid) as lines:
            for line in lines:
                words = line.split()
                if words[0] in sums:
                    sums[words[0]] += int(words[1])
    return [kib / 1024 / len(pool._pool) for kib in sums.values()]


def worker_pss(workers, seconds):
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pids = set()
        while len(pids) < workers:  # until all have started, and worked
            pids.update(pool.map(whoami, [0.01] * workers * 2, 1))
        check(pids == {process.pid for process in pool._pool}, "pids")
        time.sleep(0.2)
        idle = memory(pool)
        burst(pool, 20000 if seconds >= 0.2 else 100)
        time.sleep(seconds)
        after = memory(pool)
    return {
        "worker_pss_idle": idle[0],
        "worker_private_dirty_idle": idle[1],
        "worker_pss_after": after[0],
        "worker_private_dirty_after": after[1],
    }


def main():
    import json

    workloads = [start_join_spawn, apply_rtt, submit_burst, map_tiny, imap_unordered_1, worker_pss]
    if sys.argv[1] not in [f.__name__ for f in workloads]:
        sys.dont_write_bytecode = True  # the directory may be the source's
        import messages
        import shared

        workloads = shared.workloads + messages.workloads
    workload = {f.__name__: f for f in workloads}[sys.argv[1]]
    values = workload(int(sys.argv[2]), float(sys.argv[3]))
    print(json.dumps({"values": values, "checked": True}))


if __name__ == "__main__":
    main()
