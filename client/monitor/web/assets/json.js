// JSON, laid out for the eye. Nothing but blanks is changed: numbers keep all
// their digits, and keys their order.

const LONGEST = 200_000 // characters; beyond that nobody reads it

// pretty is the text with line breaks and indents, or null where it is no JSON
// object or list.
export function pretty(text) {
  if (text.length > LONGEST || !/^\s*[[{]/.test(text) || !valid(text)) return null
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[[\]{}:,]|[^\s[\]{}:,"]+/g)
  let depth = 0
  const indent = by => `\n${'  '.repeat(depth += by)}`
  return tokens.map((token, i) => {
    const [before, after] = [tokens[i - 1], tokens[i + 1]]
    switch (token) {
      case '{': case '[': return '}]'.includes(after) ? token : token + indent(1)
      case '}': case ']': return '{['.includes(before) ? token : indent(-1) + token
      case ',': return token + indent(0)
      case ':': return ': '
      default: return token
    }
  }).join('')
}

function valid(text) {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
