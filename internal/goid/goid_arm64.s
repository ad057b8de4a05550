#include "textflag.h"

// func Current() uintptr
//
// The assembler's name for the register that holds g in all Go code is g.
TEXT ·Current(SB), NOSPLIT, $0-8
	MOVD g, R0
	MOVD R0, ret+0(FP)
	RET
