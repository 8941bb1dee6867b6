package index

import "hash/maphash"

// table finds entries by key: open addressing with linear probing, in many
// small parts so that growing one never takes long.
type table struct {
	seed  maphash.Seed
	parts [tableParts]part
}

const tableParts = 256

// part is a piece of the table. A slot holds the lower half of the key's hash,
// then the entry's ref; 0 is free. The hash says where to begin looking, in
// proportion to the number of slots, which may be any.
type part struct {
	slots []uint64
	count int
}

func (t *table) hash(key []byte) uint64 { return maphash.Bytes(t.seed, key) }

// find returns the entry for which same is true.
func (t *table) find(a *arena, key []byte, hash uint64) Ref {
	p := &t.parts[hash>>56]
	if len(p.slots) == 0 {
		return 0
	}
	for i := p.home(uint32(hash)); p.slots[i] != 0; i = p.next(i) {
		if r := Ref(p.slots[i]); uint32(p.slots[i]>>32) == uint32(hash) && string(entry(a.at(r)).key()) == string(key) {
			return r
		}
	}
	return 0
}

// Together is how many keys are best looked up at once.
const Together = 256

// likely finds for each hash the entry that find will look at first, 0 where it
// will find none. It goes through the keys step by step, so that the processor
// waits for many places in memory at once, not for one after another.
func (t *table) likely(a *arena, hashes []uint64, refs []Ref) (sum byte) {
	for i, hash := range hashes {
		if p := &t.parts[hash>>56]; len(p.slots) > 0 {
			refs[i] = Ref(p.slots[p.home(uint32(hash))])
		}
	}
	for i, hash := range hashes {
		refs[i] = t.parts[hash>>56].likely(uint32(hash))
	}
	for _, r := range refs[:len(hashes)] {
		if r != 0 {
			key := entry(a.at(r)).key()
			sum += key[len(key)-1]
		}
	}
	return sum
}

func (p *part) likely(hash uint32) Ref {
	if len(p.slots) == 0 {
		return 0
	}
	i := p.home(hash)
	for p.slots[i] != 0 && uint32(p.slots[i]>>32) != hash {
		i = p.next(i)
	}
	return Ref(p.slots[i])
}

// add inserts an entry whose key is not there yet.
func (t *table) add(hash uint64, r Ref) {
	p := &t.parts[hash>>56]
	if p.count >= len(p.slots)*5/6 {
		p.grow()
	}
	p.put(uint64(uint32(hash))<<32 | uint64(r))
	p.count++
}

// remove takes out an entry that is there.
func (t *table) remove(hash uint64, r Ref) {
	p := &t.parts[hash>>56]
	i := p.home(uint32(hash))
	for Ref(p.slots[i]) != r {
		i = p.next(i)
	}
	p.count--
	// Move up what would no longer be found behind the gap.
	for j := p.next(i); p.slots[j] != 0; j = p.next(j) {
		if home := p.home(uint32(p.slots[j] >> 32)); p.distance(home, j) >= p.distance(i, j) {
			p.slots[i] = p.slots[j]
			i = j
		}
	}
	p.slots[i] = 0
}

// each calls f with every entry, in no order.
func (t *table) each(f func(Ref)) {
	for i := range t.parts {
		for _, slot := range t.parts[i].slots {
			if slot != 0 {
				f(Ref(slot))
			}
		}
	}
}

func (p *part) home(hash uint32) int { return int(uint64(hash) * uint64(len(p.slots)) >> 32) }

func (p *part) next(i int) int {
	if i++; i < len(p.slots) {
		return i
	}
	return 0
}

// distance is the number of steps from slot i to slot j.
func (p *part) distance(i, j int) int {
	if j >= i {
		return j - i
	}
	return j - i + len(p.slots)
}

func (p *part) put(slot uint64) {
	i := p.home(uint32(slot >> 32))
	for p.slots[i] != 0 {
		i = p.next(i)
	}
	p.slots[i] = slot
}

func (p *part) grow() {
	old := p.slots
	p.slots = make([]uint64, max(8, len(old)+len(old)/4))
	for _, slot := range old {
		if slot != 0 {
			p.put(slot)
		}
	}
}
