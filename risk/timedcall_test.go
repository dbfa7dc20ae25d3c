package risk

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestTimedCall plays every order in which the worker, the timer and who waits
// can meet, and wants one side, and no other, to keep what belongs to the call.
func TestTimedCall(t *testing.T) {
	for name, c := range map[string]struct {
		steps []string
		end   uint64 // what who waits is told; left too where it gave up
		alone bool   // the worker keeps what belongs to the call
	}{
		"in time":                          {steps: []string{"finish", "end"}, end: finished},
		"late":                             {steps: []string{"ring", "end", "finish"}, end: left, alone: true},
		"late, but finished before end":    {steps: []string{"ring", "finish", "end"}, end: over},
		"given up":                         {steps: []string{"leave", "finish"}, end: left, alone: true},
		"given up, then late":              {steps: []string{"leave", "ring", "finish"}, end: left, alone: true},
		"finished, not given up any more":  {steps: []string{"finish", "leave", "end"}, end: finished},
		"late already when it is given up": {steps: []string{"ring", "leave", "end", "finish"}, end: left, alone: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			call := newTimedCall(time.Now())
			for range 2 { // one call after the other
				call.begin(time.Second)
				end, alone := left, false
				for _, step := range c.steps {
					switch step {
					case "ring":
						time.Sleep(time.Second)
						synctest.Wait()
					case "finish":
						alone = call.finish()
					case "leave":
						if gone := call.leave(); gone != (c.steps[0] == "leave") {
							t.Errorf("%s: gave up: %v", name, gone)
						}
					case "end":
						<-call.done
						end = call.end()
					}
				}
				if end != c.end || alone != c.alone || len(call.done) != 0 {
					t.Errorf("%s: end %d, want %d; worker keeps it: %v, want %v; %d left in done", name, end, c.end, alone, c.alone, len(call.done))
				}
			}
			call.stop()
		})
	}
}
