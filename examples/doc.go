// Package examples holds small programs, one per topic, and one larger one. Each
// ends by itself and exits with 0; examples_test.go runs them all.
//
//	hello         the shortest useful program: a pool and a map
//	process       Process: start, join, names, pids, exit codes
//	daemon        children that end with their parent, and those it waits for
//	runner        a subclass of Process that overrides run
//	pool_apply    apply_async: many calls, their results collected
//	pool_map      map, imap_unordered and starmap
//	futures       submit, as_completed, wait, cancel
//	timeout_kill  a task that never returns is stopped; the pool lives on
//	crash         a worker that crashes ends one task only
//	errors        errors.Is and errors.As across processes
//	local         the same pool on goroutines: multiprocessing.dummy
//	value_array   a number and an array that processes share
//	counter       ten processes and one number: with a lock, and without
//	lock_file     several processes append to one file
//	semaphore     what there are two of, for five processes
//	event         to wait until something is set, or for a while
//	condition     producers and consumers with a queue of limited size
//	barrier       phases that all begin together
//	holder_dies   a process is killed while it has a lock; the others repair
//	shared_memory memory and a list with a name, shared with Python
//	queue         a queue that is full, empty, and read by several
//	joinable      producers, consumers, and waiting until all is done
//	pipe          a list, books and questions through pipes; to poll, and to wait for the end
//	echo_server   a server of several processes with one listener; one of them is killed
//	go_python     connections between Go and Python, with a key that both have
//	sum1g         a gibibyte that all workers of a pool sum together
//	md5tree       the main job: digests of a whole tree, with and without chaos
package examples
