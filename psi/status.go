package psi

import "time"

// A Change is what is told when the standing status of a Scheduler changed.
type Change struct {
	Old, New Status
	// Report is that of the sweep which made the difference, and Time when it
	// began.
	Report Report
	Time   time.Time
}

// standing is the status that counts, and how many of the last sweeps in a row
// said what. Sweeps that could not judge are none.
type standing struct {
	status   Status
	alerts   int // StatusAlert
	concerns int // StatusMonitor or StatusAlert
	calms    int // StatusStable or StatusMonitor
	stables  int // StatusStable
}

// see takes in the status of a sweep.
func (s *standing) see(status Status, o *SchedulerOptions) {
	if status == StatusInsufficient {
		return
	}
	inRow := func(n *int, goesOn bool) {
		if *n++; !goesOn {
			*n = 0
		}
	}
	inRow(&s.alerts, status == StatusAlert)
	inRow(&s.concerns, status != StatusStable)
	inRow(&s.calms, status != StatusAlert)
	inRow(&s.stables, status == StatusStable)
	switch {
	case s.alerts >= o.AlertAfter:
		s.status = StatusAlert
	case s.status != StatusAlert && s.concerns >= o.MonitorAfter:
		s.status = StatusMonitor
	case s.stables >= o.BetterAfter, s.status == StatusInsufficient && s.stables > 0:
		s.status = StatusStable
	case s.status == StatusAlert && s.calms >= o.BetterAfter:
		s.status = StatusMonitor
	}
}
