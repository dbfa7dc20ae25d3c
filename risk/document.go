package risk

import "time"

// A Document is one incident as it comes in. Only Text is needed to score it;
// ID joins the answer to feedback later on.
type Document struct {
	ID        string    `json:"id"`
	Text      string    `json:"text"`
	Tags      []string  `json:"tags,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
}

// An Example is a Document with its true level: what a model learns from and is
// judged by.
type Example struct {
	Document
	Label string `json:"label"`
}
