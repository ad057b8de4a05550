//go:build linux

package shm

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// kindTold is a kind of objects whose holders' departures are written into them.
const kindTold Kind = 63

const (
	wordLeft  = CellBody     // how many have left in good order
	wordDied  = CellBody + 4 // how many have died
	wordUnits = CellHolder   // units of those who have gone
	wordOwner = CellHolder + 4
)

func init() {
	OnDeparture(kindTold, func(t *Tx, d Departure) {
		if d.Orderly {
			t.Add(d.At+wordLeft, 1)
		} else {
			t.Add(d.At+wordDied, 1)
		}
		t.Add(d.At+wordUnits, int(d.Units))
		t.Store(d.At+wordOwner, d.Owner)
		t.Wake(d.At + wordLeft)
	})
}

// mortal has units of an object, and ends as it is told.
var mortal = scenario("end as you are told", func(c *insider) {
	o := c.open(os.Args[1])
	c.must(o.Units(func(t *Tx, units uint64) error {
		t.Store(units, 7)
		return nil
	}))
	c.say("%d %d", c.a.slot, c.a.self)
	for {
		switch c.hear() {
		case "exit":
			os.Exit(5)
		case "panic":
			panic("as I was told")
		case "drop":
			c.must(o.Drop())
			c.say("dropped")
		case "leave":
			Leave()
			Leave()
			_, err := c.a.New(Spec{Kind: FirstKind})
			c.say("%v", err)
			_, err = c.a.Open(parseRef(os.Args[1]))
			c.say("%v %v", err, o.Drop())
		}
	}
})

// told returns an object of that kind, and a child that has it.
func told(t testing.TB, a *Arena) (o *Object, m *member, slot, self uint32) {
	t.Helper()
	o, err := a.New(Spec{Kind: kindTold})
	require.NoError(t, err)
	m = start(t, a, mortal, refText(o.Ref()))
	_, err = fmt.Sscan(m.line(), &slot, &self)
	require.NoError(t, err)
	assert.True(t, a.Alive(self))
	assert.Equal(t, m.cmd.Process.Pid, a.PID(self))
	assert.False(t, a.anyDead())
	return o, m, slot, self
}

func TestEveryEndButLeaveIsADeath(t *testing.T) {
	for name, end := range map[string]func(m *member){
		"exit":  func(m *member) { m.tell("exit"); _ = m.wait() },
		"panic": func(m *member) { m.tell("panic"); _ = m.wait() },
		"kill":  func(m *member) { m.kill() },
		"abort": func(m *member) { m.signal(syscall.SIGABRT); _ = m.wait() },
		"term":  func(m *member) { m.signal(syscall.SIGTERM); _ = m.wait() },
	} {
		t.Run(name, func(t *testing.T) {
			a := fresh(t)
			o, m, slot, self := told(t, a)
			end(m)
			assert.False(t, a.Alive(self))
			assert.True(t, a.dead(slot))
			a.Reap()
			assert.Zero(t, *o.Word(wordLeft))
			assert.EqualValues(t, 1, *o.Word(wordDied))
			assert.EqualValues(t, 7, *o.Word(wordUnits))
			assert.Equal(t, self, *o.Word(wordOwner))
			assert.Zero(t, a.load(slotAt(slot)+slotKeeper))
			checkIntegrity(t, a)
		})
	}
}

func TestDropAndLeaveAreOrderly(t *testing.T) {
	for _, how := range []string{"drop", "leave"} {
		t.Run(how, func(t *testing.T) {
			a := fresh(t)
			o, m, slot, self := told(t, a)
			m.tell(how)
			if how == "leave" {
				m.expect(ErrClosed.Error())
				m.expect(ErrClosed.Error() + " <nil>")
			} else {
				m.expect("dropped")
			}
			assert.True(t, a.Alive(self), "it still runs")
			if how == "leave" {
				a.Reap()
				assert.Zero(t, *o.Word(wordLeft), "its goroutines may be in the middle of something")
			}
			m.tell("exit")
			_ = m.wait()
			a.Reap()
			assert.EqualValues(t, 1, *o.Word(wordLeft))
			assert.Zero(t, *o.Word(wordDied))
			assert.EqualValues(t, 7, *o.Word(wordUnits))
			assert.Zero(t, a.load(slotAt(slot)+slotKeeper))
			checkIntegrity(t, a)
		})
	}
}

// A zombie is dead before anybody has waited for it.
func TestZombieIsDead(t *testing.T) {
	a := fresh(t)
	o, m, _, self := told(t, a)
	m.signal(syscall.SIGKILL)
	until(t, "it is dead", func() bool { return !a.Alive(self) })
	until(t, "it is a zombie", func() bool { return m.state() == "Z" })
	a.Reap()
	assert.EqualValues(t, 1, *o.Word(wordDied))
}

func TestStoppedProcessLives(t *testing.T) {
	a := fresh(t)
	o, m, _, self := told(t, a)
	m.signal(syscall.SIGSTOP)
	until(t, "it is stopped", func() bool { return m.state() == "T" })
	a.Reap()
	assert.True(t, a.Alive(self))
	assert.Zero(t, *o.Word(wordDied))
	m.signal(syscall.SIGCONT)
	m.tell("drop")
	m.expect("dropped")
	assert.EqualValues(t, 1, *o.Word(wordLeft))
	m.kill()
	assert.False(t, a.Alive(self))
}

// A slot is used again, by one who is not taken for the one before.
func TestSlotIsReused(t *testing.T) {
	a := fresh(t)
	o, m, _, self := told(t, a)
	m.kill()
	for range 5 {
		next := start(t, a, mortal, refText(o.Ref())) // it settles the one before
		var slotNow, selfNow uint32
		_, err := fmt.Sscan(next.line(), &slotNow, &selfNow)
		require.NoError(t, err)
		assert.NotEqual(t, self, selfNow)
		assert.False(t, a.Alive(self))
		assert.True(t, a.Alive(selfNow))
		assert.Less(t, slotNow, uint32(4), "slots are used again")
		self = selfNow
		next.kill()
	}
	a.Reap()
	assert.EqualValues(t, 6, *o.Word(wordDied))
	checkIntegrity(t, a)
}

// In a process namespace of its own a process has other numbers, and its death is
// seen all the same.
func TestDeathInAnotherNamespace(t *testing.T) {
	a := fresh(t)
	o, err := a.New(Spec{Kind: kindTold})
	require.NoError(t, err)
	probe := inNamespace(scenarioVariable + "=nothing")
	if err := probe.Start(); err != nil {
		t.Skipf("no process namespaces here: %v", err)
	}
	_ = probe.Wait()
	var members []*member
	var selves []uint32
	for range 3 { // with the same numbers, each in its namespace
		m := begin(t, a, mortal, inNamespace("", refText(o.Ref())))
		var slot, self uint32
		_, err := fmt.Sscan(m.line(), &slot, &self)
		require.NoError(t, err)
		assert.Equal(t, 1, a.PID(self))
		assert.True(t, a.Alive(self))
		members, selves = append(members, m), append(selves, self)
	}
	for i, m := range members {
		m.kill()
		for j, self := range selves {
			assert.Equal(t, j > i, a.Alive(self))
		}
		a.Reap()
		assert.EqualValues(t, i+1, *o.Word(wordDied))
	}
	checkIntegrity(t, a)
}

// inNamespace is a command that runs the test binary in a namespace of its own.
func inNamespace(env string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	}
	return cmd
}
