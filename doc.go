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
// # Caveats
//
// Package initialisation runs in every child: keep it cheap and without effects.
// Closures and global variables do not travel; what a child is to know is in its
// argument. The values of a context do not travel, its end does. os.Exit and a
// runtime crash skip [OnExit]. Linux 5.4 or newer is needed to run, any system to
// compile.
package mp
