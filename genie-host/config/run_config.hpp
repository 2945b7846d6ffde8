// The run config (`genie.run`) in memory: one struct per object of the document, members named as its keys.
//
// This folder turns what a person typed into these structs and refuses everything else, naming the file, the JSON pointer,
// the reason and the remedy. It opens no other file and loads no plug-in: whether a path exists or an option is known is
// judged by whoever uses it. docs/run-config.md is the user's page, sdk/schema/run-config-0.1.schema.json the published
// schema; the decoder and the schema accept the same documents.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "genie/plan/dtype.hpp"
#include "genie/plan/model.hpp"
#include "genie/plan/result.hpp"

namespace genie::config {

inline constexpr std::string_view kDefaultPolicy = "org.genie.policy-default";
inline constexpr std::string_view kDefaultBackend = "org.genie.backend-emulation";
inline constexpr std::string_view kDefaultKernels = "org.genie.kernels-aten";
inline constexpr std::string_view kDefaultMethod = "forward";

/// One entry of the allow-list (A20): this plug-in, with exactly these bytes.
struct AllowedPlugin {
  std::string id;
  std::string sha256;  ///< 64 lower-case hexadecimal digits
};

struct Plugins {
  std::vector<std::string> paths;    ///< folders or libraries, absolute, searched in order
  std::vector<AllowedPlugin> allow;  ///< empty: no allow-list
};

/// A plug-in chosen by id, with the options it will check itself.
struct PluginUse {
  std::string plugin;          ///< empty: the default of its kind (frontends: whichever probes best)
  std::string options = "{}";  ///< a JSON object, relative paths made absolute (see resolve_option_paths)
};

/// What to run: a model for a frontend, or a saved plan. Exactly one of `uri` and `plan` is not empty, or neither when the
/// config names no source (an embedding program loads one later).
struct Source {
  PluginUse frontend;
  std::string uri;   ///< absolute path, or scheme://…
  std::string plan;  ///< absolute path of a plan document
  [[nodiscard]] bool empty() const { return uri.empty() && plan.empty(); }
};

/// A tensor of a file: `.npy` holds one, `.safetensors` several by name.
struct FileInput {
  std::string path;    ///< absolute
  std::string tensor;  ///< empty: the one named as the input
};

/// Seeded uniform numbers (tensors/random.hpp says which).
struct RandomInput {
  std::uint64_t seed = 0;
  std::optional<std::vector<std::int64_t>> shape;  ///< absent: the plan's, which must then be fixed
  std::optional<plan::DType> dtype;                ///< absent: the plan's
  std::optional<double> low;
  std::optional<double> high;
};

/// Numbers written in the config: a scalar or nested lists.
struct ValueInput {
  std::string json;                  ///< canonical JSON
  std::optional<plan::DType> dtype;  ///< absent: the plan's
};

/// What an earlier step of the same session put out; stays on its device.
struct OutputInput {
  std::int64_t step = 0;  ///< counted from 0; negative: back from the step that uses it
  std::string output;
};

struct Input {
  std::variant<FileInput, RandomInput, ValueInput, OutputInput> from;
  std::string pointer;  ///< where the config says so, for diagnostics
};

/// The inputs of one step, by name; or all of one file.
struct Inputs {
  std::string file;  ///< every input from this `.safetensors` file, by name; then `by_name` is empty
  plan::Table<Input> by_name;
  std::string pointer;  ///< "/run/inputs", "/run/steps/0/inputs"
};

struct Step {
  std::string method{kDefaultMethod};
  Inputs inputs;
  std::uint32_t repeat = 1;  ///< counts as that many steps
};

/// An output that the host computes on the device before anything crosses the wire: argmax, or topk (its two results are
/// named `<output>.values` and `<output>.indices`).
struct AddedOutput {
  enum class Kind : std::uint8_t { argmax, topk };
  std::string output;  ///< the new name
  Kind kind = Kind::argmax;
  std::string of;  ///< name of an output of the model
  std::int64_t dim = -1;
  std::int64_t k = 1;  ///< topk
  std::string pointer;
};

enum class OnWorkerLoss : std::uint8_t { fail, replan };

struct Run {
  bool has_steps = false;    ///< `steps` was given: outputs are named `<step>/<output>`
  std::vector<Step> steps;   ///< without `steps`: the one step that `method` and `inputs` describe
  std::uint32_t repeat = 1;  ///< times the whole run is measured, each in a session of its own
  std::uint32_t warmup = 0;  ///< times it runs before that, unmeasured
  OnWorkerLoss on_worker_loss = OnWorkerLoss::fail;
  std::optional<std::uint64_t> deadline_ms;  ///< of each step
  std::uint64_t seed = 0;                    ///< as torch.manual_seed before the first step
  std::vector<AddedOutput> add;

  /// Steps of one session, repeats counted.
  [[nodiscard]] std::size_t step_count() const;
};

struct Outputs {
  std::string file;  ///< absolute; empty: not written
  /// Names to fetch; absent: all. Among steps `logits` means that output of every step, `3/logits` of one.
  std::optional<std::vector<std::string>> only;
};

struct Expect {
  std::string file;  ///< absolute path of a `.safetensors` file
  double rtol = 1e-5;
  double atol = 1e-6;  ///< both 0: equal bits
};

struct Report {
  std::string json;  ///< absolute paths; empty: not written
  std::string trace;
  std::string plan;
};

struct RunConfig {
  std::string file;              ///< as the user wrote it; names the document in diagnostics
  std::filesystem::path folder;  ///< absolute; what relative paths are relative to
  Plugins plugins;
  Source source;
  PluginUse policy{std::string(kDefaultPolicy), "{}"};
  std::vector<PluginUse> kernels;  ///< empty: what the plan needs
  PluginUse backend{std::string(kDefaultBackend), "{}"};
  std::vector<plan::Constraint> hints;  ///< ids and origins filled in
  Run run;
  Outputs outputs;
  std::optional<Expect> expect;
  Report report;
};

/// One `--set pointer=value`.
struct Edit {
  std::string pointer;
  std::string value;  ///< JSON, or else taken as a string
};

/// Splits "POINTER=VALUE" at its first '='. The error shows what one looks like.
[[nodiscard]] plan::Result<Edit> parse_edit(std::string_view text);
/// Several of them, in order; all that are wrong are reported.
[[nodiscard]] plan::Result<std::vector<Edit>> parse_edits(std::span<const std::string> texts);

/// Applies edits to a document, in order: members are made where they are missing, `/-` appends to an array. The result is
/// JSON text; its values that an edit wrote are known by the pointers of `edits`.
[[nodiscard]] plan::Result<std::string> apply_edits(std::string_view json, std::span<const Edit> edits,
                                                    std::string_view file);

/// Decodes a run config. `file` names it in diagnostics; relative paths are taken from `folder`. All errors are reported.
[[nodiscard]] plan::Result<RunConfig> decode_run(std::string_view bytes, std::string_view file,
                                                 const std::filesystem::path& folder,
                                                 std::span<const Edit> edits = {});

/// Reads and decodes a file.
[[nodiscard]] plan::Result<RunConfig> read_run(const std::filesystem::path& path,
                                               std::span<const Edit> edits = {});

/// Makes the relative paths among plug-in options absolute: a string (or each string of a list) whose key is `file`, `path`,
/// `folder`, `topology` or `faults`, or ends in `_file`, `_path` or `_folder`, or that stands within an object named
/// `keys`. Everything else is the plug-in's own and stays as it is. `options` is JSON; the result is canonical JSON.
[[nodiscard]] plan::Result<std::string> resolve_option_paths(std::string_view options,
                                                             const std::filesystem::path& folder);

/// The path made absolute from `folder`; a text with a scheme ("https://…") and an empty one are returned as they are.
[[nodiscard]] std::string resolve_path(std::string_view path, const std::filesystem::path& folder);

}  // namespace genie::config
