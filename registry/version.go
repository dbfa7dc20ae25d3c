package registry

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Stage is where a version stands.
type Stage string

// The stages. At most one version is in Staging and one in Production; any
// number can be in Archived. A version is in one stage at most.
const (
	Staging    Stage = "staging"
	Production Stage = "production"
	Archived   Stage = "archived"
)

// An Artifact is what a version is made of: files by name. Names are 1 to 128
// ASCII letters, digits, dots, underscores and dashes, the first a letter or
// digit. No file is larger than MaxFile.
type Artifact map[string][]byte

// MaxFile is the greatest size of a file of an Artifact in bytes.
const MaxFile = 1 << 30

// FileInfo describes one file of a version.
type FileInfo struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	Digest Digest `json:"digest"`
	// Blocks are CRC-32Cs of parts of it, from which Verify tells where it is
	// damaged. What makes up a file is Size and Digest.
	Blocks string `json:"blocks,omitempty"`
}

// A Version is one registered Artifact of a model, and where it stands. It is a
// value; its slices and maps must not be changed.
type Version struct {
	Model  string `json:"model"`
	Number int    `json:"version"`
	// Digest is that of the whole artifact: of its files' names, sizes and
	// digests. Equal artifacts have equal digests.
	Digest    Digest     `json:"digest"`
	Files     []FileInfo `json:"files"` // in order of their names
	Stage     Stage      `json:"stage,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	// Since is when it came into Stage, or into none.
	Since       time.Time         `json:"since"`
	Actor       string            `json:"actor,omitempty"`
	Description string            `json:"description,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	// Key is the idempotency key that it was registered with.
	Key     string   `json:"key,omitempty"`
	Lineage *Lineage `json:"lineage,omitempty"`
	Schema  *Schema  `json:"schema,omitempty"`
	// Collected says that retention has given up its files: they cannot be
	// opened any more.
	Collected bool `json:"collected,omitempty"`
}

// Lineage says where a version comes from. What is not known is zero.
type Lineage struct {
	// Data is the digest of the data that it was trained on, Code the version
	// of the code that trained it, Run the training run, Seed its seed.
	Data string `json:"data,omitempty"`
	Code string `json:"code,omitempty"`
	Run  string `json:"run,omitempty"`
	Seed uint64 `json:"seed,omitempty"`
	// Parent is the version that it was trained from or is to replace. It must
	// be there.
	Parent int `json:"parent,omitempty"`
}

// A Schema says what a model takes and gives, as MLflow's signature does.
type Schema struct {
	Inputs  []Column `json:"inputs,omitempty"`
	Outputs []Column `json:"outputs,omitempty"`
}

// A Column is one named value of a Schema.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"` // such as string, double, long or boolean
	// Optional says that it may be missing.
	Optional bool `json:"optional,omitempty"`
}

// File returns the description of a file of v; where there is none, the error
// wraps ErrNotFound.
func (v Version) File(name string) (FileInfo, error) {
	for _, f := range v.Files {
		if f.Name == name {
			return f, nil
		}
	}
	return FileInfo{}, fmt.Errorf("%w: file %q of version %d of model %q", ErrNotFound, name, v.Number, v.Model)
}

// describe checks an artifact and describes its files.
func describe(a Artifact) ([]FileInfo, error) {
	if len(a) == 0 {
		return nil, fmt.Errorf("%w: an artifact without files", ErrInput)
	}
	var files []FileInfo
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if !validName(name) {
			return nil, fmt.Errorf("%w: file name %q, want 1 to %d ASCII letters, digits, '.', '_' and '-', beginning with a letter or digit", ErrInput, name, maxName)
		}
		if len(a[name]) > MaxFile {
			return nil, fmt.Errorf("%w: file %q has %d bytes, at most %d are allowed", ErrInput, name, len(a[name]), MaxFile)
		}
		files = append(files, FileInfo{Name: name, Size: int64(len(a[name])), Digest: DigestOf(a[name]), Blocks: blockSums(a[name])})
	}
	return files, nil
}

// artifactDigest is the digest of an artifact with these files.
func artifactDigest(files []FileInfo) Digest {
	var b []byte
	for _, f := range files {
		b = binary.AppendUvarint(b, uint64(len(f.Name)))
		b = append(b, f.Name...)
		b = binary.AppendUvarint(b, uint64(f.Size))
		b = append(b, f.Digest[:]...)
	}
	return DigestOf(b)
}

const maxName = 128

// validName reports whether name can name a file of an artifact.
func validName(name string) bool {
	for i, c := range []byte(name) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("._-", rune(c))) {
			return false
		}
	}
	return 1 <= len(name) && len(name) <= maxName
}

// CheckName returns an error that wraps ErrInput unless name can name a model,
// and so the log of a Store: 1 to 128 lower-case ASCII letters, digits, dots,
// underscores and dashes, the first a letter or digit. Upper case is not
// allowed, because some file systems do not tell the cases apart.
func CheckName(name string) error {
	if !validName(name) || name != strings.ToLower(name) {
		return fmt.Errorf("%w: model name %.200q, want 1 to %d lower-case ASCII letters, digits, '.', '_' and '-', beginning with a letter or digit", ErrInput, name, maxName)
	}
	return nil
}

// checkAlias returns an error unless name can name an alias.
func checkAlias(name string) error {
	digits := strings.TrimLeft(strings.TrimPrefix(name, "v"), "0123456789") == ""
	reserved := name == "latest" || checkStage(Stage(name)) == nil || name != "" && digits && name[0] == 'v'
	if name == "" || !('a' <= name[0] && name[0] <= 'z') || CheckName(name) != nil || strings.Contains(name, ".") || reserved {
		return fmt.Errorf("%w: alias %.200q, want 1 to %d lower-case ASCII letters, digits, '_' and '-', beginning with a letter, and no stage, \"latest\" or 'v' and digits", ErrInput, name, maxName)
	}
	return nil
}
