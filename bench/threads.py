"""What a second thread brings to calls of NumPy, by how long they are: python bench/threads.py

Each thread multiplies an array of its own, over and over. Prints the calls' length on one thread, what two threads do
together beside one, and the time that a thread waits for another one to take up its work. Wants two cores that nobody
else uses.
"""

import threading
import time

import numpy as np

LENGTHS, SECONDS, ROUNDS = [1 << i for i in range(10, 25, 2)], 0.1, 7


def calls(count, elements):
    """Calls a second of `count` threads together, each on `elements` elements."""
    done, begin = [], time.perf_counter() + 0.01

    def run():
        x, number = np.ones(elements, np.float32), 0
        while time.perf_counter() < begin:
            pass
        while time.perf_counter() < begin + SECONDS:
            for _ in range(10):
                np.multiply(x, x, out=x)
            number += 10
        done.append(number / (time.perf_counter() - begin))

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done)


def hand_off():
    """Seconds from one thread's release of a lock to the moment when another one, which waited for it, runs."""
    lock, back, begun, found = threading.Lock(), threading.Lock(), [0.0], []
    lock.acquire()
    back.acquire()

    def other():
        for _ in range(200):
            lock.acquire()
            found.append(time.perf_counter() - begun[0])
            back.release()

    thread = threading.Thread(target=other)
    thread.start()
    for _ in range(200):
        time.sleep(1e-4)
        begun[0] = time.perf_counter()
        lock.release()
        back.acquire()
    thread.join()
    return sorted(found)[100]


def main():
    print(f"a thread takes up its work after {hand_off() * 1e6:.0f} us")
    print("elements  us a call  two threads : one")
    for elements in LENGTHS:
        ones, twos = zip(*[(calls(1, elements), calls(2, elements)) for _ in range(ROUNDS)], strict=True)
        one, two = sorted(ones)[ROUNDS // 2], sorted(twos)[ROUNDS // 2]
        print(f"{elements:8} {1e6 / one:10.1f} {two / one:18.2f}")


if __name__ == "__main__":
    main()
