// Package mp gives Go programs what Python's multiprocessing gives Python
// programs: real operating system processes behind a typed API.
//
// Go uses all CPUs with goroutines, so this package is not about speed. It is
// for what a goroutine cannot give: a process can be killed in the middle of
// anything, it takes nobody with it when it crashes, its memory is its own and
// ends with it, and it can be limited from outside. If you need none of that,
// use goroutines.
//
// # Basics
//
// A process runs a task: a function that was declared at package level, so that
// it exists under the same name in every process of the program.
//
//	var square = mp.Pure(func(x int) int { return x * x })
//
//	func main() {
//		mp.Init() // the first statement
//		out, err := mp.Run(context.Background(), square.With(7))
//		...
//	}
//
// mp.Run runs one call in a process of its own and returns the result. A
// [Process] is the thing itself, with the methods that Python users know. Package
// pool keeps workers for many calls.
//
// A child is the same binary, executed again. It initialises its packages as
// every program does, and stops in [Init], where it does its work and exits: it
// never gets to the rest of main. So Init has to be the first statement of main,
// and of TestMain in the tests of a package that starts processes. It does
// nothing else in the parent than check the declared tasks.
//
// # Arguments and results
//
// What a task takes and returns is sent as msgpack, and arrives as it was: the
// kinds of integers, nil and empty, times with their zone. Types that could not
// arrive so are refused by Init, with the path of the field: channels,
// functions, interfaces other than any, unexported fields (unless the type
// marshals itself). Slices of numbers and of structs of numbers travel as one
// block, at the speed of memory.
//
// Everything is passed by value: what two pointers share arrives as two copies,
// and a cycle is an error. All fields of a struct travel, whatever their tags say.
// A type with the methods MarshalBinary and UnmarshalBinary, or EncodeMsgpack and
// DecodeMsgpack, travels through them; GobEncode and MarshalText with their
// counterparts are used where the fields alone could not travel. An any may hold
// what JSON could, and numbers of every kind, []byte, times and durations. Values
// may be nested 10,000 deep, which bounds linked lists too, and be 4 GiB large.
//
// # Handles, files and connections
//
// What processes share, such as a [Lock], [Value], [Array], [Queue] or one end of a
// [Pipe], is passed as, or in, an argument, a result, an item of a queue or a message
// through a pipe. So are an [*os.File] and a [Conn] that was dialled or accepted, and
// with package mpnet also sockets of package net. The receiver gets a handle or file
// of its own, which it closes; the sender may close its own at once, or be killed.
//
// A handle that nothing refers to any more is closed by the garbage collector, sooner
// or later, with all that Close does; but one whose lock the process has stays.
//
// A file that travels is another descriptor of the same thing: offset, mode and what is
// in a pipe are the same for both, and the end of a pipe shows when the last of them is
// closed. While it is under way one more is open: until a quarter of a second after the
// message, or the argument of the process, was received or dropped, or the task of the
// pool has its outcome whose argument it was in. Of a connection that two processes
// have each message goes to one of them, whichever is faster; only a connection on
// which nobody is sending or receiving at that moment can be sent, and none with TLS.
//
// # Errors and deaths
//
// An error or panic of a task comes back as a [*RemoteError] with its text and
// stack; errors.Is and errors.As find the errors of the standard library and
// those registered with [RegisterError] and [RegisterErrorType]. A process that
// ends without a result is an [*ExitError], which says how it ended, with the
// last words of the runtime if it crashed. No death of a process hangs its
// parent. When the parent is gone, however that came, its daemons and the workers
// of its pools are killed; other children have their context ended, and may go on.
//
// # The end of the program
//
// A main function that returns, or calls os.Exit, ends its daemons and workers at
// once, and leaves other children to themselves: join them before. [Main] is a
// main function that does it in good order: it calls Init, gives its argument a
// context that SIGINT and SIGTERM end, ends the daemons and pools when that
// returns, waits for the other children, calls what was given to [OnExit], and
// exits. [Exit] is its end alone.
//
// A child does the same at its end, when its target has returned: it ends its daemons
// and pools, waits for its other children, and calls what was given to OnExit.
//
// # Contexts
//
// Every call that waits takes a context, and ends with it. One that comes with a
// context that has ended already returns ctx.Err(), even if it could succeed; but
// [Wait] and [Conn.Poll] look once, so that they can be asked without waiting, and a
// pool.Future whose outcome is there returns that. To try without waiting there are
// methods with Try in their names.
//
// # Caveats
//
// Package initialisation runs in every child: keep it cheap and without effects.
// Closures and global variables do not travel; what a child is to know is in its
// argument. The values of a context do not travel, its end does. os.Exit, a runtime
// crash and a main function that returns without [Main] skip [OnExit]. Linux 5.4 or
// newer is needed to run, any system to compile.
package mp
