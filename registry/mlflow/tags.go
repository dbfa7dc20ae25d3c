package mlflow

import (
	"encoding/hex"
	"encoding/json"
	"path"
	"strconv"
	"strings"

	"github.com/riskkit/riskkit/registry"
)

// Tags that MLflow's pages know.
const (
	tagRunSource = "mlflow.source.name"
	tagNote      = "mlflow.note.content"
	tagUser      = "mlflow.user"
	tagLogged    = "mlflow.log-model.history"
)

// Tags of runs, versions and models in MLflow's model registry.
const (
	tagModel     = "riskkit.model"
	tagVersion   = "riskkit.version" // our number of a version; MLflow's may be another
	tagDigest    = "riskkit.digest"
	tagKey       = "riskkit.key"
	tagStage     = "riskkit.stage"
	tagActor     = "riskkit.actor"
	tagCollected = "riskkit.collected"
	tagShown     = "riskkit.shown"   // see shown
	tagAliases   = "riskkit.aliases" // names of a model's aliases, so that they can be taken away
)

// lineageTags returns what is known of where v comes from.
func lineageTags(prefix string, v registry.Version) map[string]string {
	m := map[string]string{}
	l := v.Lineage
	if l == nil {
		return m
	}
	add := func(key, value string) {
		if value != "" && value != "0" {
			m[prefix+key] = shorten(value, maxVersionTag)
		}
	}
	add("data", l.Data)
	add("code", l.Code)
	add("training_run", l.Run)
	add("seed", strconv.FormatUint(l.Seed, 10))
	add("parent", strconv.Itoa(l.Parent))
	return m
}

// versionTags are the tags of a version in MLflow's model registry: ours, and
// the version's own.
func versionTags(v registry.Version) map[string]string {
	m := lineageTags("riskkit.", v)
	var own []string
	for _, key := range sortedKeys(v.Tags) {
		name := tagName(key)
		if name == "" || strings.HasPrefix(name, "riskkit.") || strings.HasPrefix(name, "mlflow.") {
			continue // those mean something else
		}
		m[name] = shorten(v.Tags[key], maxVersionTag)
		own = append(own, name)
	}
	m[tagVersion], m[tagDigest] = strconv.Itoa(v.Number), v.Digest.String()
	m[tagStage] = string(v.Stage)
	if v.Stage == "" {
		m[tagStage] = "none"
	}
	if v.Key != "" {
		m[tagKey] = shorten(v.Key, maxVersionTag)
	}
	if v.Actor != "" {
		m[tagActor] = shorten(v.Actor, maxVersionTag)
	}
	if v.Collected {
		m[tagCollected] = "true"
	}
	m[tagShown] = shown{Description: descriptionID(v), Tags: own}.String()
	return m
}

// shown is what the tag tagShown remembers of what was shown of a version.
type shown struct {
	Description string   `json:"description"` // which one MLflow's was made of
	Tags        []string `json:"tags,omitempty"`
}

// String returns s in JSON, without the tags if they are too many. These stay
// then, once they are there.
func (s shown) String() string {
	text := jsonText(s)
	if len(text) > maxVersionTag {
		text = jsonText(shown{Description: s.Description})
	}
	return text
}

func shownBy(tag string) (s shown) {
	if json.Unmarshal([]byte(tag), &s) != nil {
		return shown{} // not ours
	}
	return s
}

// descriptionID tells descriptions apart.
func descriptionID(v registry.Version) string {
	d := registry.DigestOf([]byte(v.Description))
	return hex.EncodeToString(d[:4])
}

// runTags are the tags of a version's run.
func runTags(v registry.Version) map[string]string {
	m := map[string]string{
		tagModel: v.Model, tagVersion: strconv.Itoa(v.Number), tagDigest: v.Digest.String(), tagRunSource: "riskkit",
	}
	if v.Actor != "" {
		m[tagUser] = shorten(v.Actor, maxVersionTag)
	}
	if v.Key != "" {
		m[tagKey] = shorten(v.Key, maxVersionTag)
	}
	if l := v.Lineage; l != nil && isCommit(l.Code) {
		m["mlflow.source.git.commit"] = l.Code
	}
	return m
}

// isCommit reports whether code is the hash of a commit.
func isCommit(code string) bool {
	return 7 <= len(code) && len(code) <= 64 && strings.Trim(code, "0123456789abcdef") == ""
}

// tagName makes key a name that MLflow takes for a tag.
func tagName(key string) string {
	key = strings.Map(func(r rune) rune {
		if 'a' <= r|0x20 && r|0x20 <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("/_.- ", r) {
			return r
		}
		return '_'
	}, key)
	if path.Clean(key) != key || strings.HasPrefix(key, "/") || strings.HasPrefix(key, "..") || key == "." {
		key = strings.NewReplacer("/", "_", ".", "_").Replace(key)
	}
	return key[:min(len(key), maxKey)]
}
