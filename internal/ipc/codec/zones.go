package codec

import (
	"sync"
	"time"
)

// zoneOf decides how the location of t travels. A location counts as named only if loading it by its name gives what t
// has, now and half a year to either side: a FixedZone("CET", 3600) must not arrive with daylight saving.
func zoneOf(t time.Time) byte {
	switch t.Location() {
	case time.UTC:
		return zoneUTC
	case time.Local:
		return zoneLocal
	}
	loaded := loadLocation(t.Location().String())
	if loaded == nil {
		return zoneFixed
	}
	const halfYear = 183 * 24 * time.Hour
	for _, at := range [...]time.Time{t, t.Add(-halfYear), t.Add(halfYear)} {
		name, offset := at.Zone()
		if n, o := at.In(loaded).Zone(); n != name || o != offset {
			return zoneFixed
		}
	}
	return zoneNamed
}

// zoneCacheSize bounds each of the caches below, which another process can fill.
const zoneCacheSize = 1024

// Names longer than maxZone are those of no location: a file name is not longer. One
// longer than maxFixed is not remembered, so that the caches are bounded in bytes too.
const (
	maxZone  = 255
	maxFixed = 64
)

type fixedKey struct {
	name   string
	offset int
}

var zoneCache = struct {
	sync.RWMutex
	named map[string]*time.Location // nil: there is none
	fixed map[fixedKey]*time.Location
}{
	named: make(map[string]*time.Location),
	fixed: make(map[fixedKey]*time.Location),
}

// loadLocation is time.LoadLocation with a memory, or nil. The names that it takes for UTC and Local are not those of
// locations.
func loadLocation(name string) *time.Location {
	if name == "" || name == "UTC" || name == "Local" || len(name) > maxZone {
		return nil
	}
	zoneCache.RLock()
	loc, known := zoneCache.named[name]
	zoneCache.RUnlock()
	if known {
		return loc
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		loc = nil
	}
	zoneCache.Lock()
	defer zoneCache.Unlock()
	if first, known := zoneCache.named[name]; known {
		return first
	}
	if len(zoneCache.named) < zoneCacheSize {
		zoneCache.named[name] = loc
	}
	return loc
}

// fixedZone is time.FixedZone with a memory, so that equal times decoded in one process compare equal with ==, unless the
// zone's name is very long.
func fixedZone(name string, offset int) *time.Location {
	if len(name) > maxFixed {
		return time.FixedZone(name, offset)
	}
	key := fixedKey{name, offset}
	zoneCache.RLock()
	loc := zoneCache.fixed[key]
	zoneCache.RUnlock()
	if loc != nil {
		return loc
	}
	zoneCache.Lock()
	defer zoneCache.Unlock()
	if loc = zoneCache.fixed[key]; loc != nil {
		return loc
	}
	loc = time.FixedZone(name, offset)
	if len(zoneCache.fixed) < zoneCacheSize {
		zoneCache.fixed[key] = loc
	}
	return loc
}
