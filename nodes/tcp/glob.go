package tcp

// literal is what every key that matches pattern begins with.
func literal(pattern []byte) []byte {
	for i, c := range pattern {
		switch c {
		case '*', '?', '[', '\\':
			return pattern[:i]
		}
	}
	return pattern
}

// matches is Redis's matching of a key with a pattern: * any bytes, ? one byte,
// [a-z] [^a-z] one of a class, \x exactly x.
func matches(pattern, key []byte) bool {
	// Where the last star stands, and which part of the key it has taken: going
	// back further cannot help.
	star, taken := -1, 0
	p, k := 0, 0
	for k < len(key) {
		if p < len(pattern) && pattern[p] == '*' {
			star, taken = p, k
			p++
			continue
		}
		if p < len(pattern) {
			if size, ok := matchOne(pattern[p:], key[k]); ok {
				p += size
				k++
				continue
			}
		}
		if star < 0 {
			return false
		}
		taken++
		p, k = star+1, taken
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchOne matches one byte with the front of a pattern, and says how long that
// is.
func matchOne(pattern []byte, c byte) (size int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		return matchClass(pattern, c)
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == c
		}
	}
	return 1, pattern[0] == c
}

// matchClass matches one byte with a class; one without an end ends with the
// pattern, as in Redis.
func matchClass(pattern []byte, c byte) (size int, ok bool) {
	i := 1
	not := i < len(pattern) && pattern[i] == '^'
	if not {
		i++
	}
	for ; i < len(pattern) && pattern[i] != ']'; i++ {
		low := pattern[i]
		high := low
		switch {
		case low == '\\' && i+1 < len(pattern): // one byte: a range does not begin with it
			i++
			low, high = pattern[i], pattern[i]
		case i+2 < len(pattern) && pattern[i+1] == '-':
			i += 2
			high = pattern[i]
		}
		ok = ok || min(low, high) <= c && c <= max(low, high)
	}
	return min(i+1, len(pattern)), ok != not
}
