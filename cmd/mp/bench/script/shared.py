"""The workloads of bench.py that share memory, with locks and events.

A file of its own, so that children of the start method spawn, which import
bench.py, need not read it.
"""

import itertools
import multiprocessing
import time

from bench import check, repeat, size, timed


def lock_uncontended(workers, seconds):
    lock = multiprocessing.Lock()

    def batch(n, acquire=lock.acquire, release=lock.release):
        for _ in itertools.repeat(None, n):
            acquire()
            release()  # it raises if the lock is not locked

    batch(10000)
    n = 100000
    best = repeat(seconds, lambda: timed(lambda: batch(n))[0]) / n
    check(lock.acquire(False) and not lock.acquire(False), "the lock afterwards")
    lock.release()
    return {"lock_uncontended": best * 1e9}


def increment(value, n):
    for _ in itertools.repeat(None, n):
        with value.get_lock():
            value.value += 1


def value_locked_incr(workers, seconds):
    value = multiprocessing.Value("q", 0)

    def batch(n):
        before = value.value
        took = timed(lambda: increment(value, n))[0]
        check(value.value - before == n, "the value")
        return took

    batch(2000)
    n = 20000
    return {"value_locked_incr": repeat(seconds, lambda: batch(n)) / n * 1e9}


def contend(value, arrived, results, me, seconds):
    with arrived.get_lock():
        arrived.value += 1
    while arrived.value < 2:
        time.sleep(0.00002)
    begin = end = time.monotonic()  # the same for both
    count = 0
    while end < begin + seconds:
        increment(value, 256)
        count += 256
        end = time.monotonic()
    results.put((me, begin, end, count))


def value_contended_2p(workers, seconds):
    counts = [0, 0]

    def contest():
        value, arrived = multiprocessing.Value("q", 0), multiprocessing.Value("q", 0)
        results = multiprocessing.SimpleQueue()
        processes = [
            multiprocessing.Process(target=contend, args=(value, arrived, results, me, 0.1)) for me in range(2)
        ]
        for process in processes:
            process.start()
        two = [results.get(), results.get()]
        for process in processes:
            process.join()
        for me, _, _, count in two:
            counts[me] += count
        total = sum(count for _, _, _, count in two)
        check(value.value == total, "the sum of the increments")
        return (max(r[2] for r in two) - min(r[1] for r in two)) / total

    best = repeat(seconds, contest)
    return {
        "value_contended_2p": best * 1e9,
        "value_contended_2p_share": max(100 * min(counts) / max(counts), 0.001),
    }


def give_back(ping, pong, rounds):
    while True:
        ping.wait()
        ping.clear()
        rounds.value += 1
        pong.set()


def event_pingpong(workers, seconds):
    ping, pong = multiprocessing.Event(), multiprocessing.Event()
    rounds = multiprocessing.RawValue("q", 0)
    process = multiprocessing.Process(target=give_back, args=(ping, pong, rounds), daemon=True)
    process.start()

    def trips(n):
        before = rounds.value
        for i in range(1, n + 1):
            ping.set()
            pong.wait()
            pong.clear()
            check(rounds.value - before == i, "the round of the child")

    trips(100)
    n = size(1000, seconds)
    best = repeat(seconds, lambda: timed(lambda: trips(n))[0]) / n
    process.kill()
    process.join()
    return {"event_pingpong": best * 1e6}


def shm_create(workers, seconds):
    def batch(n):
        for i in range(n):
            value = multiprocessing.Value("q", i)
            check(value.value == i, "value %d" % i)
            del value  # which frees it

    batch(200)
    n = 2000
    return {"shm_create": repeat(seconds, lambda: timed(lambda: batch(n))[0]) / n * 1e6}


def shared_memory():
    """The shared memory that this process has touched, in bytes."""
    with open("/proc/self/status") as lines:
        for line in lines:
            words = line.split()
            if words[0] == "RssShmem:":
                return int(words[1]) * 1024
    raise SystemExit("the kernel does not tell RssShmem")


def values_100k(workers, seconds):
    first = multiprocessing.Value("q", 0)
    before = shared_memory()
    n = 2000  # more need not be: each is alike, and has to be given back
    values = [multiprocessing.Value("q", i) for i in range(n)]
    # Their locks are touched, and so counted, when they are read.
    check([value.value for value in values] == list(range(n)) and first.value == 0, "values")
    return {"values_100k": (shared_memory() - before) / n}


workloads = [
    lock_uncontended,
    value_locked_incr,
    value_contended_2p,
    event_pingpong,
    shm_create,
    values_100k,
]
