package tcp

// MULTI promises that what follows is done as one step, or not at all. Until that
// can be kept, what follows is not done.
const (
	errMulti     replyError = "ERR MULTI is not supported: nothing up to EXEC or DISCARD is carried out; send a pipeline without it"
	errRefusing  replyError = "ERR not carried out: MULTI is not supported, and refuses all that follows until EXEC, DISCARD or RESET"
	errExecAbort replyError = "EXECABORT Transaction discarded because of previous errors: MULTI is not supported, nothing was carried out"
	errNested    replyError = "ERR MULTI calls can not be nested"
	errNoMulti   replyError = "ERR EXEC without MULTI"
	errNoDiscard replyError = "ERR DISCARD without MULTI"
	errWatch     replyError = "ERR WATCH is not supported, as MULTI is not"
	errWatchHere replyError = "ERR WATCH inside MULTI is not allowed"
)

func multiCommands() []command {
	return []command{
		{name: "MULTI", arity: 1, begin: beginMulti, inMulti: true},
		{name: "EXEC", arity: -1, begin: beginExec, inMulti: true},
		{name: "DISCARD", arity: 1, begin: beginDiscard, reply: replyOK, inMulti: true},
		{name: "WATCH", arity: -2, begin: beginWatch, inMulti: true, keys: allKeys},
		{name: "UNWATCH", arity: 1, reply: replyOK},
	}
}

// beginMulti refuses whatever follows: the client may have sent it already.
func beginMulti(s *session, _ *call) error {
	if s.refusing {
		return errNested
	}
	s.refusing = true
	return errMulti
}

func beginExec(s *session, c *call) error {
	refusing := s.refusing
	s.refusing = false
	switch {
	case len(c.args) > 1:
		return replyError("EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command")
	case !refusing:
		return errNoMulti
	}
	return errExecAbort
}

func beginDiscard(s *session, _ *call) error {
	if !s.refusing {
		return errNoDiscard
	}
	s.refusing = false
	return nil
}

func beginWatch(s *session, _ *call) error {
	if s.refusing {
		return errWatchHere
	}
	return errWatch
}

func replyOK(s *session, _ *call) error {
	s.out.Simple("OK")
	return nil
}
