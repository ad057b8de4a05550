"""The workloads of bench.py that send messages, through pipes and queues.

A file of its own, as shared.py is.
"""

import multiprocessing
import random
import struct

from bench import check, repeat, size, timed

MEBIBYTE = 1 << 20
NUMBERED = (0, MEBIBYTE // 2, MEBIBYTE - 8)


def hire(target, *args):
    """Starts a process that works until it is dismissed; its last argument is a pipe's end."""
    near, far = multiprocessing.Pipe()
    process = multiprocessing.Process(target=target, args=args + (far,), daemon=True)
    process.start()
    far.close()  # so that there is an end of file if the process fails
    return process, near


def dismiss(crew):
    for process, _ in crew:
        check(process.is_alive(), "a process that has ended")
        process.kill()
        process.join()


def count(conn):
    while True:
        conn.send(conn.recv() + 1)


def conn_pingpong(workers, seconds):
    process, conn = hire(count)

    def trips(n, send=conn.send, recv=conn.recv):
        x = 0
        for _ in range(n):
            send(x)
            y = recv()
            check(y == x + 1, "what comes back")
            x = y

    trips(200)
    n = size(2000, seconds)
    best = repeat(seconds, lambda: timed(lambda: trips(n))[0]) / n
    dismiss([(process, conn)])
    return {"conn_pingpong": best * 1e6}


def messages():
    """Random bytes, with the number of the message at the beginning, in the middle and at the end."""
    made = []
    for number in range(8):
        message = bytearray(random.Random(number).getrandbits(8 * MEBIBYTE).to_bytes(MEBIBYTE, "little"))
        for at in NUMBERED:
            struct.pack_into("<Q", message, at, number)
        made.append(bytes(message))
    return made


def number_of(message, unpack=struct.Struct("<Q").unpack_from):
    check(len(message) == MEBIBYTE, "the length of a message")
    numbers = [unpack(message, at)[0] for at in NUMBERED]
    check(numbers[0] == numbers[1] == numbers[2] < 8, "the number in a message")
    return numbers[0]


def receive(conn):
    while True:
        n = conn.recv()
        for i in range(n):
            check(number_of(conn.recv_bytes()) == i % 8, "the number of a message")
        conn.send(n)


def conn_bytes_1MiB(workers, seconds):
    process, conn = hire(receive)
    all = messages()

    def batch(n):
        conn.send(n)
        for i in range(n):
            conn.send_bytes(all[i % 8])
        check(conn.recv() == n, "the number of messages")

    batch(25)
    n = size(256, seconds)
    best = repeat(seconds, lambda: timed(lambda: batch(n))[0]) / n
    dismiss([(process, conn)])
    return {"conn_bytes_1MiB": 1 / 1024 / best}


def put_ints(queue, conn):
    put = queue.put
    while True:
        low, high = conn.recv()
        for i in range(low, high):
            put(i)
        conn.send((0, 0))


def get_ints(queue, conn):
    get = queue.get
    while True:
        low, high = conn.recv()
        items = total = 0
        for _ in range(high - low):
            total += get()
            items += 1
        conn.send((items, total))


def put_mebibytes(queue, conn):
    all = messages()
    while True:
        low, high = conn.recv()
        for i in range(low, high):
            queue.put(all[i % 8])
        conn.send((0, 0))


def get_mebibytes(queue, conn):
    while True:
        low, high = conn.recv()
        items = total = 0
        for _ in range(high - low):
            total += number_of(queue.get())
            items += 1
        conn.send((items, total))


def traffic(queue, producers, put, consumers, get, seconds, n, sum_of):
    """The time of an item from producers to consumers, when n are sent."""
    consuming = [hire(get, queue) for _ in range(consumers)]
    producing = [hire(put, queue) for _ in range(producers)]

    def batch(n):
        for side in consuming, producing:
            for i, (_, conn) in enumerate(side):
                conn.send((i * n // len(side), (i + 1) * n // len(side)))
        yields = [conn.recv() for _, conn in consuming + producing]
        check(sum(items for items, _ in yields) == n, "the number of items")
        check(sum(total for _, total in yields) == sum_of(n), "the sum of the items")
        check(queue.empty(), "what is left in the queue")

    batch(n // 10)
    best = repeat(seconds, lambda: timed(lambda: batch(n))[0]) / n
    dismiss(consuming + producing)
    return best


def ints(producers, consumers, seconds):
    n = size(100000, seconds)
    queue = multiprocessing.Queue()
    return 1 / traffic(queue, producers, put_ints, consumers, get_ints, seconds, n, lambda n: n * (n - 1) // 2)


def queue_1p1c(workers, seconds):
    return {"queue_1p1c": ints(1, 1, seconds)}


def queue_4p2c(workers, seconds):
    return {"queue_4p2c": ints(4, 2, seconds)}


def queue_1MiB_items(workers, seconds):
    n = size(256, seconds)
    queue = multiprocessing.Queue(8)
    best = traffic(queue, 1, put_mebibytes, 1, get_mebibytes, seconds, n, lambda n: sum(i % 8 for i in range(n)))
    return {"queue_1MiB_items": 1 / 1024 / best}


workloads = [conn_pingpong, conn_bytes_1MiB, queue_1p1c, queue_4p2c, queue_1MiB_items]
