// Package shmlist is the memory layout of multiprocessing.shared_memory.ShareableList
// as CPython has it since 3.9. Numbers are 64-bit words in the machine's byte order.
//
//	0         8                  8(n+2)          8(n+2)+end          ... + 8n       ... + n
//	├─ count ─┼─ n+1 offsets ────┼─ n slots ─────┼─ n formats of 8 ──┼─ n codes ────┤
//
// An offset counts from the first slot; the last one is the end of the slots. A slot
// is a multiple of 8 bytes and never changes its size. What is in it is told by its
// format, in the language of Python's struct module and padded with NUL bytes, and
// by its code, which says how to make a value of the bytes:
//
//	value  format     code  slot
//	int    q          0     8
//	float  d          0     8
//	bool   xxxxxxx?   0     8: seven NUL bytes, 0 or 1
//	str    Ns         1     N bytes of UTF-8, padded with NUL bytes
//	bytes  Ns         2     the same with any bytes
//	None   xxxxxx?x   3     8
//
// N is the size of the slot: for a new string of b bytes the next multiple of 8 above
// b. (CPython counts characters there, and cuts strings that are not ASCII.) NUL bytes
// at the end of a string cannot be told from the padding; so they are refused, where
// CPython drops them. A format has 8 bytes, which bounds N to seven digits.
//
// Other processes write here without a lock and need not be programs of ours. So
// everything but the offsets, which nobody changes, is loaded once and checked at
// every access; what does not add up is [ErrMalformed].
package shmlist
