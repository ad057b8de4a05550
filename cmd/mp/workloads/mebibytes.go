package workloads

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
)

// mebibyte is the size of a large message.
const mebibyte = 1 << 20

// distinct is how many different large messages there are. They take turns.
const distinct = 8

// messages returns the large messages: random bytes, with the number of the message
// at the beginning, in the middle and at the end.
var messages = sync.OnceValue(func() (all [distinct][]byte) {
	for k := range all {
		random := rand.NewPCG(1, uint64(k))
		all[k] = make([]byte, mebibyte)
		for at := 0; at < mebibyte; at += 8 {
			binary.LittleEndian.PutUint64(all[k][at:], random.Uint64())
		}
		for _, at := range numbered {
			binary.LittleEndian.PutUint64(all[k][at:], uint64(k))
		}
	}
	return all
})

// numbered is where the number stands.
var numbered = [...]int{0, mebibyte / 2, mebibyte - 8}

// message returns the i-th message of a sequence.
func message(i int) []byte { return messages()[i%distinct] }

// numberOf returns the number of a message that has come in.
func numberOf(msg []byte) (int, error) {
	if len(msg) != mebibyte {
		return 0, wrong("the length of a message", len(msg), mebibyte)
	}
	number := binary.LittleEndian.Uint64(msg)
	for _, at := range numbered {
		if n := binary.LittleEndian.Uint64(msg[at:]); n != number || n >= distinct {
			return 0, wrong("the number in a message", n, number)
		}
	}
	return int(number), nil
}

// checkMessage compares a message that has come in with the i-th of a sequence.
func checkMessage(msg []byte, i int) error {
	number, err := numberOf(msg)
	if err == nil && number != i%distinct {
		err = wrong("the number of a message", number, i%distinct)
	}
	return err
}

// sumOfNumbers returns the sum of the numbers of the first n messages.
func sumOfNumbers(n int) (sum int) {
	for i := range n {
		sum += i % distinct
	}
	return sum
}
