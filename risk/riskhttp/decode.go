package riskhttp

import (
	"bytes"
	"fmt"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// The fields of what comes in.
var (
	documentFields = []string{"id", "text", "tags", "created_at"}
	feedbackFields = []string{"id", "level", "assessed", "actor", "reason", "time"}
)

// document reads a risk.Document whose text is not blank and has at most most
// bytes. Its strings are copies.
func (r *reader) document(data []byte, most int) (doc risk.Document, err *Fault) {
	r.data, r.at = data, 0
	place := -1 // of the text
	err = r.object(documentFields, func(i int) *Fault {
		switch i {
		case 0:
			return r.copy(&doc.ID)
		case 2:
			return r.array(func() *Fault {
				var tag string
				err := r.copy(&tag)
				doc.Tags = append(doc.Tags, tag)
				return err
			})
		case 3:
			return r.time(&doc.CreatedAt)
		}
		r.peek()
		place = r.at
		text, err := r.str("a string")
		switch {
		case err != nil:
			return err
		case len(text) > most:
			err = fault(place, fmt.Sprintf("the text has %d bytes, at most %d are taken", len(text), most))
			err.kind = tooLarge
			return err
		case len(bytes.TrimSpace(text)) == 0:
			return fault(place, "the text is empty")
		}
		doc.Text = string(text)
		return nil
	})
	if err == nil {
		err = r.end()
	}
	if err == nil && place < 0 {
		err = fault(r.at, "there is no text")
		err.Pointer = "/text"
	}
	return doc, err
}

// feedback reads a risk.Feedback. Whether it makes sense, the Service knows.
func (r *reader) feedback(data []byte) (f risk.Feedback, err *Fault) {
	r.data, r.at = data, 0
	err = r.object(feedbackFields, func(i int) *Fault {
		if i == 5 {
			return r.time(&f.Time)
		}
		return r.copy([]*string{&f.ID, &f.Level, &f.Assessed, &f.Actor, &f.Reason}[i])
	})
	if err == nil {
		err = r.end()
	}
	return f, err
}

// copy reads a string into s.
func (r *reader) copy(s *string) *Fault {
	b, err := r.str("a string")
	*s = string(b)
	return err
}

// time reads a time after RFC 3339 into t.
func (r *reader) time(t *time.Time) *Fault {
	r.peek()
	at := r.at
	b, err := r.str("a string")
	if err == nil && t.UnmarshalText(b) != nil {
		err = fault(at, "want a time like 2006-01-02T15:04:05Z, found "+quote(b))
	}
	return err
}
