package codec

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTime(t *testing.T) {
	clear(zoneCache.fixed) // another test may have filled it
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Skip("no time zone database")
	}
	paris, err := time.LoadLocation("Europe/Paris")
	require.NoError(t, err)
	same := func(name string, in time.Time) time.Time {
		out := roundTrip(t, in).(time.Time)
		assert.True(t, in.Equal(out), name)
		assert.Equal(t, in.String(), out.String(), name)
		assert.Equal(t, in.Location().String(), out.Location().String(), name)
		inMap := roundTrip(t, map[string]any{"": in}).(map[string]any)[""].(time.Time)
		assert.Equal(t, out, inMap, name)
		return out
	}
	assert.Equal(t, time.Time{}, same("zero", time.Time{}))
	assert.True(t, same("zero", time.Time{}).IsZero())
	now := time.Now()
	assert.True(t, now.Round(0) == same("now", now.Round(0)))
	assert.True(t, now.Round(0) == roundTrip(t, now), "without the monotonic reading")
	assert.True(t, now.UTC().Round(0) == same("UTC", now.UTC().Round(0)))
	same("year 0", time.Date(0, 1, 1, 0, 0, 0, 1, time.UTC))
	same("far future", time.Date(200000, 1, 1, 0, 0, 0, 999999999, time.UTC))
	same("far past", time.Unix(-1<<62, 5))
	same("tokyo", now.Round(0).In(tokyo))
	assert.Equal(t, same("paris", now.Round(0).In(paris)).AddDate(0, 6, 0).String(), now.Round(0).In(paris).AddDate(0, 6, 0).String())
	same("fixed", now.Round(0).In(time.FixedZone("ODD", -12345)))
	same("unnamed", now.Round(0).In(time.FixedZone("", 3600)))
	same("false UTC", now.Round(0).In(time.FixedZone("UTC", 3600)))
	same("false Local", now.Round(0).In(time.FixedZone("Local", 0)))
	winter := time.Date(2024, 1, 1, 0, 0, 0, 0, time.FixedZone("CET", 3600))
	assert.Equal(t, winter.AddDate(0, 6, 0).String(), same("CET", winter).AddDate(0, 6, 0).String(), "no daylight saving")
	a, b := same("a", winter), same("b", winter)
	assert.True(t, a == b, "the same location twice")

	times := []time.Time{{}, now.Round(0), now.UTC().Round(0)}
	assert.Equal(t, times, roundTrip(t, times))
	assert.Equal(t, &times[1], roundTrip(t, &times[1]))
}

func TestTimeMalformed(t *testing.T) {
	for _, payload := range []string{
		"", "\x00", "\x0012345678123", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x3b\x9a\xca\x00", // 1e9 nanoseconds
		"\x0012345678\x00\x00\x00\x00x", "\x0912345678\x00\x00\x00\x00", "\x0212345678\x00\x00\x00\x00",
		"\x0212345678\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05UTC", "\x0312345678\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01UTC",
	} {
		_, err := decodeTime([]byte(payload))
		assert.Error(t, err, "%q", payload)
	}
	// a name that is not there, or has another offset, leaves the offset
	for _, name := range []string{"No/Where", "../../etc/passwd", "Asia/Tokyo"} {
		got, err := decodeTime([]byte("\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x3c\x00\x03ABC" + name))
		require.NoError(t, err)
		abbreviation, offset := got.Zone()
		assert.Equal(t, "ABC", abbreviation)
		assert.Equal(t, 60, offset)
	}
	for i := range 3 * zoneCacheSize { // a hostile peer cannot fill the caches
		fixedZone("x", i)
	}
	assert.LessOrEqual(t, len(zoneCache.fixed), zoneCacheSize)
	clear(zoneCache.fixed)
	clear(zoneCache.named)
	long := strings.Repeat("x", maxZone+1)
	assert.Nil(t, loadLocation(long))
	assert.Equal(t, long, fixedZone(long, 1).String())
	assert.Empty(t, zoneCache.named)
	assert.Empty(t, zoneCache.fixed, "not in bytes, either")
}
