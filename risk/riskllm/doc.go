// Package riskllm asks a language model for a second opinion on incidents that a
// risk.Scorer is in doubt about. It speaks the chat completions API of OpenAI,
// which many other servers offer too, over net/http alone:
//
//	llm, err := riskllm.New("https://llm.example/v1", "some-model", nil)
//	s, err := risk.NewEscalation(model, llm, &risk.EscalationOptions{Band: 0.05})
//
// An [Escalator] makes one request for an opinion and never repeats it: the
// Escalation around it has the deadline, the budget and the breaker, and the
// first answer stands where there is no second one.
//
// # What is asked for
//
// The request wants structured output: response_format is a json_schema that
// allows the levels of the scale and a reason, nothing else. Servers that do not
// know it answer as they like, so what comes back is checked all the same, and a
// level that is not on the scale is refused by the Escalation.
//
// # What is sent
//
// The text and the tags of the incident leave the process, as Redact returns
// them. The id, the time and the first answer do not. No redirect takes them
// elsewhere, and the key is in no error, though a server says it back. What else
// a server says may be in an error, and may quote the incident.
//
// # Instructions in an incident
//
// An incident may have been written by somebody who wants a certain level. The
// default prompt passes it as a JSON string, out of which no text can break,
// says that it is data, and says that what it asks for does not count. That makes
// it harder to mislead the model, not impossible. What bounds the harm is that
// an opinion can only be one of the levels, that it is asked for only where the
// first answer is in doubt, and that it is recorded.
package riskllm
