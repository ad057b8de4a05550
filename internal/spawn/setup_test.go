package spawn

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/quick"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/ipc"
	"github.com/multiproc/mp/internal/ipc/codec"
	"github.com/multiproc/mp/internal/protocoltest"
	"github.com/multiproc/mp/internal/sys"
)

var whole = Setup{
	Version: Version, Role: Worker, Image: sys.Image{Dev: 2, Ino: 3, Size: 4, MTimeNano: 5}, Tasks: math.MaxUint64,
	Name: "N", Identity: "1:2", Daemon: true, ParentPID: 6, ParentName: "P", AuthKey: []byte{12}, MaxProcs: 7, Transit: []byte{10}, Func: 8, Arg: []byte{9}, Luggage: []byte{11}, Result: true,
}

func TestSetupGoldenBytes(t *testing.T) {
	golden := []byte{
		0xdc, 0, 16, // the array of 16 fields
		1,                // Version
		2,                // Role: worker
		0x94, 2, 3, 4, 5, // Image
		0xcf, 255, 255, 255, 255, 255, 255, 255, 255, // Tasks
		0xa1, 'N', // Name
		0xa3, '1', ':', '2', // Identity
		0xc3,      // Daemon
		6,         // ParentPID
		0xa1, 'P', // ParentName
		0xc4, 1, 12, // AuthKey
		7,           // MaxProcs
		0xc4, 1, 10, // Transit
		8,          // Func
		0xc4, 1, 9, // Arg
		0xc4, 1, 11, // Luggage
		0xc3, // Result
	}
	frame, err := whole.encode()
	require.NoError(t, err)
	assert.Equal(t, ipc.Header{Length: uint32(len(golden)), Kind: ipc.KindSetup}, ipc.ParseHeader(frame))
	assert.Equal(t, golden, frame[ipc.HeaderSize:])
	got, err := decodeSetup(ipc.Frame{Kind: ipc.KindSetup, Body: golden})
	require.NoError(t, err)
	assert.Equal(t, &whole, got)
}

func fields(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		names = append(names, t.Field(i).Name)
	}
	return names
}

func TestSetupIsAsDocumented(t *testing.T) {
	assert.Equal(t, fields(reflect.TypeFor[Setup]()), protocoltest.Words(t, "setup", "field"))
	assert.Equal(t, fields(reflect.TypeFor[sys.Image]()), protocoltest.Words(t, "image", "field"))
	for i, row := range protocoltest.Table(t, "setup") {
		typ := reflect.TypeFor[Setup]().Field(i).Type.String()
		typ = strings.NewReplacer("spawn.", "", "sys.", "", "[]uint8", "[]byte").Replace(typ)
		assert.Equal(t, typ, row["type"], row["field"])
	}
	assert.Equal(t, map[string]uint64{"target": uint64(Target), "worker": uint64(Worker), "tracker": uint64(Tracker), "store": uint64(Store)}, protocoltest.Numbers(t, "roles", "role", "value"))
	assert.Contains(t, protocoltest.Document(t), "Version 1 ", "the document describes this version")
	assert.EqualValues(t, 1, Version)
}

func TestStartIsAsDocumented(t *testing.T) {
	assert.Equal(t, map[string]uint64{
		"control": controlFile, "reports": reportsFile, "memory": memoryFile, "arena": arenaFile, "tasks": tasksFile,
	}, protocoltest.Numbers(t, "descriptors", "channel", "order"))
	assert.Equal(t, []string{"base", "count", "inode"}, protocoltest.Words(t, "marker", "part"))
	assert.Contains(t, protocoltest.Document(t), "`"+marker+"=base:count:inode`")
	assert.Equal(t, map[string]uint64{
		"handshake": uint64(HandshakeTimeout.Seconds()), "last words": maxLastWords,
	}, protocoltest.Numbers(t, "start-limits", "limit", "value"))
}

// The fields are listed by hand: they are all, in their order.
func TestSetupTravelsAsAnyStruct(t *testing.T) {
	c, err := codec.For(reflect.TypeFor[Setup]())
	require.NoError(t, err)
	assert.NoError(t, quick.Check(func(s Setup) bool {
		s.Version = Version
		frame, err := s.encode()
		require.NoError(t, err)
		want, err := codec.Append(c, nil, &s)
		require.NoError(t, err)
		got, err := decodeSetup(ipc.Frame{Kind: ipc.KindSetup, Body: want})
		require.NoError(t, err)
		return assert.Equal(t, want, frame[ipc.HeaderSize:]) && assert.Equal(t, &s, got)
	}, nil))
}

func TestDecodeSetupRefuses(t *testing.T) {
	good, err := whole.encode()
	require.NoError(t, err)
	body := good[ipc.HeaderSize:]
	_, err = decodeSetup(ipc.Frame{Kind: ipc.KindCall, Body: body})
	assert.ErrorIs(t, err, ipc.ErrProtocol)
	for cut := range body {
		_, err = decodeSetup(ipc.Frame{Kind: ipc.KindSetup, Body: body[:cut]})
		assert.ErrorIs(t, err, codec.ErrMalformed, "cut at %d", cut)
	}
	_, err = decodeSetup(ipc.Frame{Kind: ipc.KindSetup, Body: append(body[:len(body):len(body)], 0)})
	assert.ErrorIs(t, err, codec.ErrMalformed)
	other := append([]byte(nil), body...)
	other[3] = 2 // behind the header of the array
	_, err = decodeSetup(ipc.Frame{Kind: ipc.KindSetup, Body: other})
	assert.EqualError(t, err, "the parent speaks version 2 of the protocol, this process 1")
}
