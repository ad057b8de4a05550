#include "textflag.h"

// func Current() uintptr
//
// Assembly follows the stack calling convention, in which g is in thread-local
// storage. Go code has it in R14 too, but that belongs to the other convention.
TEXT ·Current(SB), NOSPLIT, $0-8
	MOVQ (TLS), AX
	MOVQ AX, ret+0(FP)
	RET
