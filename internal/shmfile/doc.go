// Package shmfile is named shared memory: files in /dev/shm, as shm_open of the C
// library makes them, so that programs in other languages find them by name.
//
// # How a block comes to be
//
// A block is made without a name, gets its size, its pages and what is to be in
// it, and is then linked to its name in one step, which fails if the name is taken.
// shm_open with O_CREAT and O_EXCL, as CPython does it, has the name first: others
// then find a block of size 0, or one whose content is half there, and a creator
// that is killed in between leaves a corpse. Here whoever finds the name finds the
// whole block, and whatever fails before, or kills the creator, leaves nothing,
// because an unnamed file goes with its last descriptor.
//
// All its pages are reserved at creation. CPython leaves that to the first touch;
// when /dev/shm is full by then, the touch is a SIGBUS that ends the process.
//
// # What a block is known by
//
// A name can be unlinked and taken by another block while handles of the first
// exist. So a handle keeps the device and inode as well ([Ref]), and nothing is
// unlinked, or taken for the block that was sent, unless these agree.
//
// # Pins
//
// A [Mapping] counts the users of its memory, and is unmapped only when there are
// none. Otherwise the kernel would give the same addresses to the next mapping, and
// a slice that somebody still has would write into that.
package shmfile
