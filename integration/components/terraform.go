// Reads a Terraform module with the libraries that Terraform itself is made of, where Terraform is not at hand.
//
//	terraform format FILE                      prints FILE as `terraform fmt` lays it out
//	terraform evaluate FILE < variables.json   prints variables, resources and outputs as JSON
//
// An attribute of a resource or a data source is known only after it was made. It stands there as a mark:
// ${aws_s3_bucket.bucket.arn}. A resource with a count of 0 is left out, and a mark has no index.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// The functions of Terraform that the module may call.
var functions = map[string]function.Function{
	"can":        tryfunc.CanFunc,
	"concat":     stdlib.ConcatFunc,
	"contains":   stdlib.ContainsFunc,
	"join":       stdlib.JoinFunc,
	"jsonencode": stdlib.JSONEncodeFunc,
	"length":     function.New(&length),
	"regex":      stdlib.RegexFunc,
	"split":      stdlib.SplitFunc,
	"tostring":   stdlib.MakeToFunc(cty.String),
}

// Of texts alone, in characters.
var length = function.Spec{
	Params: []function.Parameter{{Name: "text", Type: cty.String}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		return stdlib.Strlen(args[0])
	},
}

type module struct {
	body    *hclsyntax.Body
	context *hcl.EvalContext
}

func main() {
	if len(os.Args) != 3 {
		fail("usage: terraform format|evaluate FILE")
	}
	text, err := os.ReadFile(os.Args[2])
	check(err)
	switch os.Args[1] {
	case "format":
		os.Stdout.Write(hclwrite.Format(text))
	case "evaluate":
		input, err := io.ReadAll(os.Stdin)
		check(err)
		var given map[string]json.RawMessage
		check(json.Unmarshal(input, &given))
		check(json.NewEncoder(os.Stdout).Encode(evaluate(text, os.Args[2], given)))
	default:
		fail("usage: terraform format|evaluate FILE")
	}
}

func evaluate(text []byte, name string, given map[string]json.RawMessage) map[string]any {
	file, problems := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
	checkAll(problems)
	m := module{file.Body.(*hclsyntax.Body), &hcl.EvalContext{Variables: map[string]cty.Value{}, Functions: functions}}
	m.mark()
	variables := m.variables(given)
	m.locals()
	m.validate()
	resources := map[string]any{}
	outputs := map[string]any{}
	for _, block := range m.body.Blocks {
		switch block.Type {
		case "resource":
			if m.isMade(block) {
				resources[block.Labels[0]+"."+block.Labels[1]] = m.content(block.Body)
			}
		case "output":
			outputs[block.Labels[0]] = m.content(block.Body)
		}
	}
	return map[string]any{"variables": variables, "resources": resources, "outputs": outputs}
}

// Puts a mark wherever an expression names an attribute of a resource or a data source.
func (m *module) mark() {
	marks := map[string]any{}
	hclsyntax.VisitAll(m.body, func(node hclsyntax.Node) hcl.Diagnostics {
		named, isTraversal := node.(*hclsyntax.ScopeTraversalExpr)
		if !isTraversal {
			return nil
		}
		root := named.Traversal.RootName()
		if root != "data" && !strings.HasPrefix(root, "aws_") {
			return nil
		}
		steps := []string{root}
		for _, step := range named.Traversal[1:] {
			switch step := step.(type) {
			case hcl.TraverseAttr:
				steps = append(steps, step.Name)
			case hcl.TraverseIndex:
				steps = append(steps, "[0]")
			}
		}
		if steps[len(steps)-1] == "[0]" || (root != "data" && len(steps) < 3) {
			return nil // a whole resource, in depends_on
		}
		place(marks, steps, "${"+strings.ReplaceAll(strings.Join(steps, "."), ".[0]", "")+"}")
		return nil
	})
	for root, tree := range marks {
		m.context.Variables[root] = values(tree)
	}
}

func place(tree map[string]any, steps []string, mark string) {
	if len(steps) == 1 {
		tree[steps[0]] = mark
		return
	}
	below, isThere := tree[steps[0]].(map[string]any)
	if !isThere {
		below = map[string]any{}
		tree[steps[0]] = below
	}
	place(below, steps[1:], mark)
}

func values(tree any) cty.Value {
	below, isTree := tree.(map[string]any)
	if !isTree {
		return cty.StringVal(tree.(string))
	}
	if first, isCounted := below["[0]"]; isCounted {
		return cty.TupleVal([]cty.Value{values(first)})
	}
	members := map[string]cty.Value{}
	for name, value := range below {
		members[name] = values(value)
	}
	return cty.ObjectVal(members)
}

func (m *module) variables(given map[string]json.RawMessage) map[string]any {
	told := map[string]any{}
	known := map[string]cty.Value{}
	for _, block := range m.blocks("variable") {
		name := block.Labels[0]
		declared := map[string]any{"type": hcl.ExprAsKeyword(block.Body.Attributes["type"].Expr)}
		for attribute, expression := range block.Body.Attributes {
			if attribute != "type" {
				value := m.value(expression.Expr)
				declared[attribute] = plain(value)
				if attribute == "default" {
					known[name] = value
				}
			}
		}
		told[name] = declared
		if text, isGiven := given[name]; isGiven {
			kind, err := ctyjson.ImpliedType(text)
			check(err)
			known[name], err = ctyjson.Unmarshal(text, kind)
			check(err)
			delete(given, name)
		} else if _, hasDefault := known[name]; !hasDefault {
			fail("no value for variable " + name)
		}
	}
	for name := range given {
		fail("the module has no variable " + name)
	}
	m.context.Variables["var"] = cty.ObjectVal(known)
	return told
}

// Each may name others: those that can be told are told, until all are.
func (m *module) locals() {
	known := map[string]cty.Value{}
	for _, block := range m.blocks("locals") {
		for again := true; again; {
			again = false
			m.context.Variables["local"] = cty.ObjectVal(known)
			for name, attribute := range block.Body.Attributes {
				if _, isKnown := known[name]; isKnown {
					continue
				}
				value, problems := attribute.Expr.Value(m.context)
				if problems.HasErrors() {
					again = true
					continue
				}
				known[name] = value
			}
			if again && len(known) == m.context.Variables["local"].LengthInt() {
				for _, attribute := range block.Body.Attributes {
					m.value(attribute.Expr)
				}
			}
		}
	}
	m.context.Variables["local"] = cty.ObjectVal(known)
}

func (m *module) validate() {
	for _, block := range m.blocks("variable") {
		for _, inner := range block.Body.Blocks {
			if m.value(inner.Body.Attributes["condition"].Expr).False() {
				fail(block.Labels[0] + ": " + m.value(inner.Body.Attributes["error_message"].Expr).AsString())
			}
		}
	}
}

func (m *module) isMade(block *hclsyntax.Block) bool {
	count, isCounted := block.Body.Attributes["count"]
	return !isCounted || m.value(count.Expr).Equals(cty.NumberIntVal(0)).False()
}

// Attributes by name, and below the name of each kind of block a list of them.
func (m *module) content(body *hclsyntax.Body) map[string]any {
	found := map[string]any{}
	for name, attribute := range body.Attributes {
		if name == "count" || name == "depends_on" {
			continue
		}
		if value := m.value(attribute.Expr); !value.IsNull() {
			found[name] = plain(value)
		}
	}
	for _, block := range body.Blocks {
		list, _ := found[block.Type].([]any)
		found[block.Type] = append(list, m.content(block.Body))
	}
	return found
}

func (m *module) blocks(kind string) []*hclsyntax.Block {
	var found []*hclsyntax.Block
	for _, block := range m.body.Blocks {
		if block.Type == kind {
			found = append(found, block)
		}
	}
	return found
}

func (m *module) value(expression hclsyntax.Expression) cty.Value {
	value, problems := expression.Value(m.context)
	checkAll(problems)
	return value
}

func plain(value cty.Value) any {
	text, err := ctyjson.Marshal(value, value.Type())
	check(err)
	return json.RawMessage(text)
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func checkAll(problems hcl.Diagnostics) {
	if problems.HasErrors() {
		fail(problems.Error())
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}
