package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// schemasVariable names the environment variable with the folder of the schemas: <folder>/<provider>.json, in the format of
// `terraform providers schema -json`.
const schemasVariable = "NOVA_TERRAFORM_SCHEMAS"

// schemaProvider has the schema of a provider, so that Terraform can validate what uses it, and test it with mock_provider. It
// reaches nothing: what Terraform would have it plan or apply, it refuses.
type schemaProvider struct {
	// What is not said below is not implemented: Terraform asks for none of it before it plans.
	tfprotov6.ProviderServer
	schema *tfprotov6.GetProviderSchemaResponse
}

// serve is the provider of this name, to the Terraform that has started it.
func serve(name string) error {
	schema, err := readSchema(filepath.Join(os.Getenv(schemasVariable), name+".json"))
	if err != nil {
		return err
	}
	address := "registry.terraform.io/hashicorp/" + name
	return tf6server.Serve(address, func() tfprotov6.ProviderServer { return schemaProvider{schema: schema} })
}

func (p schemaProvider) GetProviderSchema(context.Context, *tfprotov6.GetProviderSchemaRequest) (*tfprotov6.GetProviderSchemaResponse, error) {
	return p.schema, nil
}

func (p schemaProvider) GetResourceIdentitySchemas(context.Context, *tfprotov6.GetResourceIdentitySchemasRequest) (*tfprotov6.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov6.GetResourceIdentitySchemasResponse{}, nil
}

func (p schemaProvider) ValidateProviderConfig(_ context.Context, request *tfprotov6.ValidateProviderConfigRequest) (*tfprotov6.ValidateProviderConfigResponse, error) {
	return &tfprotov6.ValidateProviderConfigResponse{PreparedConfig: request.Config}, nil
}

func (p schemaProvider) ValidateResourceConfig(context.Context, *tfprotov6.ValidateResourceConfigRequest) (*tfprotov6.ValidateResourceConfigResponse, error) {
	return &tfprotov6.ValidateResourceConfigResponse{}, nil
}

func (p schemaProvider) ValidateDataResourceConfig(context.Context, *tfprotov6.ValidateDataResourceConfigRequest) (*tfprotov6.ValidateDataResourceConfigResponse, error) {
	return &tfprotov6.ValidateDataResourceConfigResponse{}, nil
}

func (p schemaProvider) ConfigureProvider(context.Context, *tfprotov6.ConfigureProviderRequest) (*tfprotov6.ConfigureProviderResponse, error) {
	return &tfprotov6.ConfigureProviderResponse{}, nil
}

func (p schemaProvider) StopProvider(context.Context, *tfprotov6.StopProviderRequest) (*tfprotov6.StopProviderResponse, error) {
	return &tfprotov6.StopProviderResponse{}, nil
}

// The format of `terraform providers schema -json`, as far as it is needed.
type (
	schemasFile struct {
		ProviderSchemas map[string]struct {
			Provider          schemaJSON            `json:"provider"`
			ResourceSchemas   map[string]schemaJSON `json:"resource_schemas"`
			DataSourceSchemas map[string]schemaJSON `json:"data_source_schemas"`
		} `json:"provider_schemas"`
	}
	schemaJSON struct {
		Version int64     `json:"version"`
		Block   blockJSON `json:"block"`
	}
	blockJSON struct {
		Attributes map[string]attributeJSON `json:"attributes"`
		BlockTypes map[string]struct {
			NestingMode string    `json:"nesting_mode"`
			Block       blockJSON `json:"block"`
			MinItems    int64     `json:"min_items"`
			MaxItems    int64     `json:"max_items"`
		} `json:"block_types"`
	}
	attributeJSON struct {
		Type       json.RawMessage `json:"type"`
		NestedType *struct {
			Attributes  map[string]attributeJSON `json:"attributes"`
			NestingMode string                   `json:"nesting_mode"`
		} `json:"nested_type"`
		Required  bool `json:"required"`
		Optional  bool `json:"optional"`
		Computed  bool `json:"computed"`
		Sensitive bool `json:"sensitive"`
		WriteOnly bool `json:"write_only"`
	}
)

func readSchema(path string) (*tfprotov6.GetProviderSchemaResponse, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the schema of a provider, in the folder of %s: %w", schemasVariable, err)
	}
	var file schemasFile
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(file.ProviderSchemas) != 1 {
		return nil, fmt.Errorf("%s: there are %d providers, and one is needed", path, len(file.ProviderSchemas))
	}
	response := &tfprotov6.GetProviderSchemaResponse{
		ResourceSchemas:   map[string]*tfprotov6.Schema{},
		DataSourceSchemas: map[string]*tfprotov6.Schema{},
		Functions:         map[string]*tfprotov6.Function{},
	}
	for _, provider := range file.ProviderSchemas {
		if response.Provider, err = provider.Provider.schema(); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, kind := range []struct {
			from map[string]schemaJSON
			to   map[string]*tfprotov6.Schema
		}{{provider.ResourceSchemas, response.ResourceSchemas}, {provider.DataSourceSchemas, response.DataSourceSchemas}} {
			for name, schema := range kind.from {
				if kind.to[name], err = schema.schema(); err != nil {
					return nil, fmt.Errorf("%s: %s: %w", path, name, err)
				}
			}
		}
	}
	return response, nil
}

func (s schemaJSON) schema() (*tfprotov6.Schema, error) {
	block, err := s.Block.block()
	if err != nil {
		return nil, err
	}
	block.Version = s.Version
	return &tfprotov6.Schema{Version: s.Version, Block: block}, nil
}

func (b blockJSON) block() (*tfprotov6.SchemaBlock, error) {
	block := &tfprotov6.SchemaBlock{}
	for name, attribute := range b.Attributes {
		kind, err := attribute.kind()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		block.Attributes = append(block.Attributes, &tfprotov6.SchemaAttribute{
			Name: name, Type: kind, Required: attribute.Required, Optional: attribute.Optional, Computed: attribute.Computed,
			Sensitive: attribute.Sensitive, WriteOnly: attribute.WriteOnly,
		})
	}
	modes := map[string]tfprotov6.SchemaNestedBlockNestingMode{
		"single": tfprotov6.SchemaNestedBlockNestingModeSingle, "list": tfprotov6.SchemaNestedBlockNestingModeList,
		"set": tfprotov6.SchemaNestedBlockNestingModeSet, "map": tfprotov6.SchemaNestedBlockNestingModeMap,
		"group": tfprotov6.SchemaNestedBlockNestingModeGroup,
	}
	for name, nested := range b.BlockTypes {
		inner, err := nested.Block.block()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		mode, ok := modes[nested.NestingMode]
		if !ok {
			return nil, fmt.Errorf("%s: the nesting mode %q is not known", name, nested.NestingMode)
		}
		block.BlockTypes = append(block.BlockTypes, &tfprotov6.SchemaNestedBlock{
			TypeName: name, Block: inner, Nesting: mode, MinItems: nested.MinItems, MaxItems: nested.MaxItems,
		})
	}
	return block, nil
}

// kind is the type of an attribute; that of a nested one as a collection of objects, which says the same to a configuration.
func (a attributeJSON) kind() (tftypes.Type, error) {
	if a.NestedType == nil {
		return tftypes.ParseJSONType(a.Type) //nolint:staticcheck // The only reader of this notation that there is.
	}
	object := tftypes.Object{AttributeTypes: map[string]tftypes.Type{}, OptionalAttributes: map[string]struct{}{}}
	for name, attribute := range a.NestedType.Attributes {
		kind, err := attribute.kind()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		object.AttributeTypes[name] = kind
	}
	switch a.NestedType.NestingMode {
	case "single":
		return object, nil
	case "list":
		return tftypes.List{ElementType: object}, nil
	case "set":
		return tftypes.Set{ElementType: object}, nil
	case "map":
		return tftypes.Map{ElementType: object}, nil
	default:
		return nil, fmt.Errorf("the nesting mode %q is not known", a.NestedType.NestingMode)
	}
}
