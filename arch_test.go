package riskkit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/riskkit/riskkit"

// arrows says what the packages of this module may import of each other, beside
// internal packages. A folder that is not listed may import nothing.
var arrows = map[string][]string{
	"":                      nil,
	"tfidf":                 nil,
	"logreg":                nil,
	"psi":                   nil,
	"eval":                  nil,
	"registry":              nil,
	"internal/drift/bench":  {"psi"},
	"registry/registrytest": {"registry"},
	"registry/mlflow":       {"registry"},
	"registry/sqlstore":     {"registry"},
	"risk":                  {"tfidf", "logreg", "psi", "eval", "registry"},
	"risk/audit":            {"risk"},
	"risk/audit/audittest":  {"risk", "risk/audit"},
	"risk/pyfunc":           {"risk", "tfidf", "logreg", "registry"},
	"risk/riskhttp":         {"risk", "psi"},
	"internal/serving":      {"risk", "risk/riskhttp", "registry"},
}

// agreed are the modules that the root module may require.
var agreed = []string{
	"gonum.org/v1/gonum", "github.com/bbalet/stopwords", "github.com/kljensen/snowball", "github.com/google/go-cmp", "golang.org/x/exp",
}

// pulled are those that they pull in.
var pulled = []string{"golang.org/x/text"}

// source is one folder of Go files.
type source struct {
	files, tests []*ast.File
}

// sources parses the root module, folder by folder.
func sources(t *testing.T) map[string]*source {
	t.Helper()
	all := map[string]*source{}
	err := filepath.WalkDir(".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			_, nested := os.Stat(filepath.Join(name, "go.mod"))
			if name != "." && (nested == nil || strings.HasPrefix(e.Name(), ".") || e.Name() == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir := strings.TrimPrefix(path.Clean(filepath.ToSlash(filepath.Dir(name))), ".")
		if all[dir] == nil {
			all[dir] = &source{}
		}
		if strings.HasSuffix(name, "_test.go") {
			all[dir].tests = append(all[dir].tests, f)
		} else {
			all[dir].files = append(all[dir].files, f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestImports holds the arrows between packages.
func TestImports(t *testing.T) {
	for dir, s := range sources(t) {
		for _, f := range s.files {
			for _, spec := range f.Imports {
				p, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				own, ok := strings.CutPrefix(p, module+"/")
				if !ok || strings.HasPrefix(dir, "examples/") && !strings.HasPrefix(own, "internal") {
					continue
				}
				internal := strings.HasPrefix(own, "internal/") && !strings.HasPrefix(dir, "examples/")
				if !internal && !slices.Contains(arrows[dir], own) {
					t.Errorf("%q must not import %q", dir, own)
				}
			}
		}
		if _, listed := arrows[dir]; !listed && !strings.HasPrefix(dir, "internal/") && !strings.HasPrefix(dir, "examples/") {
			t.Errorf("folder %q is in no arrow", dir)
		}
	}
}

// TestRequirements holds what the root module requires.
func TestRequirements(t *testing.T) {
	data, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range regexp.MustCompile(`(?m)^(?:require )?\t?([a-z]\S+\.\S+/\S+) v\S+( // indirect)?$`).FindAllStringSubmatch(string(data), -1) {
		found++
		if m[2] == "" && !slices.Contains(agreed, m[1]) || m[2] != "" && !slices.Contains(slices.Concat(agreed, pulled), m[1]) {
			t.Errorf("go.mod requires %s, which is not agreed on; what needs more belongs in a nested module", m[1])
		}
	}
	if lines := strings.Count(string(data), " v"); found == 0 || found != lines {
		t.Errorf("go.mod has %d requirements, %d lines look like one", found, lines)
	}
	if strings.Contains(string(data), "replace") {
		t.Error("go.mod has a replace")
	}
}

// TestDocumentation wants one package comment a package, a comment on every
// exported name, and an example that runs in every package that users import.
func TestDocumentation(t *testing.T) {
	for dir, s := range sources(t) {
		var comments []string
		for _, f := range s.files {
			if f.Doc != nil && !strings.HasPrefix(f.Doc.Text(), "Copyright") {
				comments = append(comments, f.Doc.Text())
			}
			for _, d := range f.Decls {
				for _, name := range undocumented(d) {
					t.Errorf("%s: %s has no comment", dir, name)
				}
			}
		}
		tagged := dir == "internal/race" // one file or the other is built
		if len(comments) == 0 || len(comments) > 1 && !tagged {
			t.Errorf("%q has %d package comments", dir, len(comments))
		}
		if _, public := arrows[dir]; !public || dir == "" {
			continue
		}
		example := false
		for _, f := range s.tests {
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				example = example || ok && strings.HasPrefix(fn.Name.Name, "Example")
			}
		}
		if !example {
			t.Errorf("%q has no example", dir)
		}
	}
}

// undocumented returns the exported names of a declaration that have no
// comment.
func undocumented(d ast.Decl) (names []string) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type))) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil {
					names = append(names, spec.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range spec.Names {
					if n.IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
						names = append(names, n.Name)
					}
				}
			}
		}
	}
	return names
}

func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}
