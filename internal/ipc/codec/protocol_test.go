package codec

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/multiproc/mp/internal/protocoltest"
)

func TestConstantsAreAsDocumented(t *testing.T) {
	assert.Equal(t, map[string]uint64{"raw": RawHeaderSize, "array": ArrayHeaderSize}, protocoltest.Numbers(t, "codec-headers", "header", "size"))
	assert.Equal(t, map[string]uint64{
		"raw": uint64(ExtRaw), "kind": uint64(ExtKind), "time": uint64(ExtTime), "special": uint64(FirstSpecialExt),
	}, protocoltest.Numbers(t, "codec-extensions", "extension", "type"))
	assert.Equal(t, map[string]uint64{"depth": MaxDepth, "message": MaxMessage}, protocoltest.Numbers(t, "codec-bounds", "bound", "value"))
	assert.Equal(t, map[string]uint64{
		"UTC": uint64(zoneUTC), "local": uint64(zoneLocal), "named": uint64(zoneNamed), "fixed": uint64(zoneFixed),
	}, protocoltest.Numbers(t, "time-zones", "zone", "value"))
}

func TestAnyKindsAreAsDocumented(t *testing.T) {
	kinds := make(map[string]uint64)
	for kind, typ := range markedTypes {
		kinds[typ.String()] = uint64(kind)
	}
	assert.Equal(t, kinds, protocoltest.Numbers(t, "any-kinds", "type", "kind"))
}

func TestTimeIsAsDocumented(t *testing.T) {
	offsets := protocoltest.Numbers(t, "time-payload", "field", "offset")
	sizes := protocoltest.Numbers(t, "time-payload", "field", "size")
	assert.EqualValues(t, timeInstantSize, offsets["east"])
	assert.EqualValues(t, timeInstantSize+timeOffsetSize, offsets["abbreviation"])
	at := uint64(0)
	for _, field := range protocoltest.Words(t, "time-payload", "field") {
		assert.Equal(t, at, offsets[field], field)
		at += sizes[field]
	}
	payload, err := appendTime(nil, time.Unix(0x0102030405, 0x060708).In(time.FixedZone("AB", -2)))
	require.NoError(t, err)
	assert.Equal(t, []byte{
		3, 0, 0, 0, 1, 2, 3, 4, 5, 0, 6, 7, 8,
		255, 255, 255, 254, 0, 2, 'A', 'B',
	}, payload)
}
