//go:build linux

package mp_test

import (
	"os"
	"reflect"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/multiproc/mp"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/pool"
)

type byValue struct {
	Number int
	Shared []mp.Value[int]
	Lock   mp.Lock
	Next   *byValue
}

// What is wrong with an argument of one of these types is reported by Init.
func TestTypesThatCannotTravelSayWhatToUseInstead(t *testing.T) {
	const handle = "is a handle, which cannot be copied: use *"
	for _, test := range []struct {
		typ  reflect.Type
		says string
	}{
		{reflect.TypeFor[mp.Lock](), "mp.Lock: " + handle + "mp.Lock"},
		{reflect.TypeFor[byValue](), "mp_test.byValue: field byValue.Shared[] (mp.Value[int]) " + handle + "mp.Value[int]; field byValue.Lock (mp.Lock) " + handle + "mp.Lock"},
		{reflect.TypeFor[mp.Queue[string]](), "mp.Queue[string]: " + handle + "mp.Queue[string]"},
		{reflect.TypeFor[mp.Cond](), "mp.Cond: " + handle + "mp.Cond"},
		{reflect.TypeFor[mp.Conn](), "mp.Conn: " + handle + "mp.Conn"},
		{reflect.TypeFor[mp.SharedMemory](), "mp.SharedMemory: " + handle + "mp.SharedMemory"},
		{reflect.TypeFor[os.File](), "os.File: " + handle + "os.File"},
		{reflect.TypeFor[struct{ F []os.File }](), "struct { F []os.File }: field F[] (os.File) " + handle + "os.File"},

		{reflect.TypeFor[*mp.Task[int, string]](), "*mp.Task[int,string]: cannot travel: a task is in every process of the program; send something that tells which one to use"},
		{reflect.TypeFor[mp.Call[int]](), "mp.Call[int]: cannot travel: a call is run by the process that makes it; send its argument"},
		{reflect.TypeFor[mp.AnyCall](), "mp.AnyCall: cannot travel: a call is run by the process that makes it; send its argument"},
		{reflect.TypeFor[*mp.Process](), "*mp.Process: cannot travel: a process belongs to the one that started it; send its PID"},
		{reflect.TypeFor[*mp.Listener](), "*mp.Listener: cannot travel: send its address, or use a net.Listener and import github.com/multiproc/mp/mpnet"},
		{reflect.TypeFor[struct{ A mp.Addr }](), "struct { A mp.Addr }: field A (mp.Addr) cannot travel: send its String"},
		{reflect.TypeFor[*pool.Pool](), "*pool.Pool: cannot travel: a pool belongs to one process; make another one where it is needed"},
		{reflect.TypeFor[*pool.Future[int]](), "*pool.Future[int]: cannot travel: a future belongs to one process; send its value"},
		{reflect.TypeFor[sync.Mutex](), "sync.Mutex: works among the goroutines of one process only: leave it out, or use what processes share, such as *mp.Lock"},
	} {
		_, err := codec.For(test.typ)
		assert.EqualError(t, err, test.says)
	}
	for _, fine := range []reflect.Type{reflect.TypeFor[*mp.Lock](), reflect.TypeFor[**mp.Value[int]](), reflect.TypeFor[struct{ *mp.Lock }]()} {
		_, err := codec.For(fine)
		assert.NoError(t, err)
	}
}
