// The node's server-sent events, for as long as the page is open: when the node
// goes away, asked for again until it is back.

const FIRST_WAIT = 500 // milliseconds, doubled with each failure
const LONGEST_WAIT = 4000
const SILENCE = 5000 // a status comes each second: after this the connection is dead

// follow calls on.status, on.line and on.lost with what comes, on.live and
// on.dead when the connection does.
export function follow(url, on) {
  let source, heard, retry, wait = FIRST_WAIT

  function open() {
    clearTimeout(retry)
    heard = performance.now()
    source = new EventSource(url)
    source.onopen = () => {
      wait = FIRST_WAIT
      on.live()
    }
    source.onerror = fail
    for (const type of ['status', 'line', 'lost']) {
      source.addEventListener(type, event => {
        heard = performance.now()
        on[type](JSON.parse(event.data))
      })
    }
  }

  function fail() {
    source.close()
    on.dead()
    clearTimeout(retry)
    retry = setTimeout(open, wait)
    wait = Math.min(LONGEST_WAIT, wait * 2)
  }

  const alive = () => source.readyState !== EventSource.CLOSED
  setInterval(() => alive() && performance.now() - heard > SILENCE && fail(), 1000)
  const again = () => alive() || open()
  document.addEventListener('visibilitychange', () => document.hidden || again())
  addEventListener('online', again)
  open()
}
