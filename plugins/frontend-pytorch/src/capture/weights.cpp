#include "capture/weights.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <tuple>

#include "digest/cache.hpp"
#include "digest/hash.hpp"
#include "genie/plan/json.hpp"

namespace genie::pytorch {
namespace {

constexpr std::string_view kZeros = "zeros";

std::string storage_key(const Payload& payload) {
  return payload.folder + "/" + payload.path_name;
}

bool is_weight(const InputSpec& spec) {
  return spec.kind == InputSpec::Kind::parameter || spec.kind == InputSpec::Kind::buffer ||
         spec.kind == InputSpec::Kind::tensor_constant;
}

/// Bytes from the start of the storage to the end of the view; nothing on overflow or negative numbers.
std::optional<std::uint64_t> extent_bytes(const Payload& payload) {
  if (payload.storage_offset < 0) return std::nullopt;
  std::uint64_t last = static_cast<std::uint64_t>(payload.storage_offset);
  for (std::size_t i = 0; i < payload.shape.size(); ++i) {
    if (payload.shape[i] < 0 || payload.strides[i] < 0) return std::nullopt;
    if (payload.shape[i] == 0) return 0;
    std::uint64_t step = 0;
    if (__builtin_mul_overflow(static_cast<std::uint64_t>(payload.shape[i] - 1),
                               static_cast<std::uint64_t>(payload.strides[i]), &step) ||
        __builtin_add_overflow(last, step, &last))
      return std::nullopt;
  }
  std::uint64_t bytes = 0;
  if (__builtin_add_overflow(last, std::uint64_t{1}, &last) ||
      __builtin_mul_overflow(last, std::uint64_t{plan::size_bytes(payload.dtype)}, &bytes))
    return std::nullopt;
  return bytes;
}

std::string json_string(std::string_view text) {
  plan::json::Writer writer;
  writer.value(text);
  return writer.take();
}

struct Storage {
  const ZipEntry* entry = nullptr;
  bool mutated = false;
  bool zeros = false;  ///< known only of mutated ones
  std::string digest;
};

/// What must agree for models to share a name.
using Content =
    std::tuple<plan::DType, std::vector<std::int64_t>, std::vector<std::int64_t>, std::int64_t, std::string>;

}  // namespace

std::map<std::string, std::string> placeholder_storages(const Program& program) {
  std::map<std::string, std::string> storages;
  for (const InputSpec& spec : program.inputs)
    if (is_weight(spec))
      if (const auto payload = program.payloads.find(spec.target); payload != program.payloads.end())
        storages[spec.arg] = storage_key(payload->second);
  return storages;
}

class WeightBuilder {
 public:
  WeightBuilder(const Pt2Archive& archive, const std::vector<Program>& programs, const Options& options,
                plan::Plan& plan)
      : archive_(archive), programs_(programs), options_(options), plan_(plan) {}

  Status collect(const std::vector<Aliases>& aliases) {
    for (std::size_t p = 0; p < programs_.size(); ++p) {
      for (const InputSpec& spec : programs_[p].inputs)
        if (is_weight(spec) && !programs_[p].payloads.contains(spec.target))
          return source_error(
              "GE0218", archive_.path(),
              "the archive names no storage for '" + spec.target + "' of model '" + programs_[p].name + "'",
              "the file is incomplete: save it again with torch.export.save");
      for (const Root& root : aliases[p].roots) {
        const auto number = static_cast<std::size_t>(&root - aliases[p].roots.data());
        if (root.kind == Root::Kind::weight && aliases[p].mutated[number])
          storages_[root.name].mutated = true;
      }
      for (const OutputSpec& spec : programs_[p].outputs)
        if (spec.kind == OutputSpec::Kind::buffer_mutation ||
            spec.kind == OutputSpec::Kind::parameter_mutation)
          if (const auto payload = programs_[p].payloads.find(spec.target);
              payload != programs_[p].payloads.end())
            storages_[storage_key(payload->second)].mutated = true;
    }
    for (const Program& program : programs_)
      for (const auto& [name, payload] : program.payloads)
        if (auto status = check_payload(name, payload); !status) return status;
    return Unit{};
  }

  /// False when stopped.
  bool hash(const Progress& progress) {
    const DigestCache cache = DigestCache::of_user();
    EntryDigests known;
    if (!options_.verify_blobs) known = cache.load(archive_.identity());
    std::vector<Storage*> missing;
    std::vector<std::string_view> ranges;
    for (auto& [key, storage] : storages_) {
      if (storage.mutated && all_zeros(archive_.bytes(*storage.entry))) {
        storage.zeros = true;
        storage.digest = kZeros;
        continue;
      }
      if (const auto at = known.find(storage.entry->name); at != known.end()) {
        storage.digest = at->second;
      } else {
        missing.push_back(&storage);
        ranges.push_back(archive_.bytes(*storage.entry));
      }
    }
    if (missing.empty()) return true;
    const auto digests = hash_all(ranges, [&](std::uint64_t done, std::uint64_t total) {
      return !progress || progress(done, total, "hashing weights");
    });
    if (!digests) return false;
    for (std::size_t i = 0; i < missing.size(); ++i)
      known[missing[i]->entry->name] = missing[i]->digest = (*digests)[i];
    // Nothing is remembered of a file that changed while it was read; the host notices that by the identity in `locations`.
    if (const auto now = identify(archive_.path()); now && *now == archive_.identity())
      cache.store(archive_.identity(), known,
                  std::chrono::duration_cast<std::chrono::nanoseconds>(
                      std::chrono::system_clock::now().time_since_epoch())
                      .count());
    return true;
  }

  WeightTable emit() {
    choose_names();
    table_.arguments_.resize(programs_.size());
    for (std::size_t p = 0; p < programs_.size(); ++p)
      emit_program(p);
    for (const auto& [key, storage] : storages_)
      table_.digests_[key] = storage.digest;
    return std::move(table_);
  }

 private:
  Status check_payload(const std::string& name, const Payload& payload) {
    const ZipEntry* entry = archive_.storage(payload.folder, payload.path_name);
    if (entry == nullptr)
      return source_error(
          "GE0218", archive_.path(),
          "'" + name + "' lies in '" + payload.path_name + "', which the archive does not hold",
          "the file is incomplete: save it again with torch.export.save");
    Storage& storage = storages_[storage_key(payload)];
    storage.entry = entry;
    const auto extent = extent_bytes(payload);
    if (!extent)
      return source_error(
          "GE0223", archive_.path(),
          "'" + name +
              "' has a shape, strides or an offset that are negative or too large for any "
              "memory",
          "the file is damaged, or was made to mislead: save the model again with torch.export.save");
    if (extent && *extent <= entry->size_bytes) return Unit{};
    // Exported with fake tensors: there is a shape, but no bytes. A state can begin as zeros; a weight cannot.
    if (extent && entry->size_bytes == 0 && storage.mutated) return Unit{};
    if (entry->size_bytes == 0)
      return source_error(
          "GE0219", archive_.path(),
          "'" + name + "' has a shape but no values: the program was exported with fake tensors",
          "load real weights into the model before exporting it");
    return source_error("GE0219", archive_.path(),
                        "'" + name + "' reaches beyond its storage '" + payload.path_name + "' of " +
                            std::to_string(entry->size_bytes) + " bytes",
                        "the file is damaged: save it again with torch.export.save");
  }

  /// Every (model, name) gets its name in the plan: the plain one where all that use it agree on the content, else
  /// "model/name" for those that stand alone.
  void choose_names() {
    names_.resize(programs_.size());
    std::map<std::string, std::map<Content, std::vector<std::size_t>>> users;
    for (std::size_t p = 0; p < programs_.size(); ++p)
      for (const auto& [name, payload] : programs_[p].payloads)
        users[name][{payload.dtype, payload.shape, payload.strides, payload.storage_offset,
                     storages_[storage_key(payload)].digest}]
            .push_back(p);
    for (const auto& [name, contents] : users) {
      const auto shared =
          std::count_if(contents.begin(), contents.end(), [](const auto& c) { return c.second.size() > 1; });
      for (const auto& [content, members] : contents) {
        const bool plain = contents.size() == 1 || (shared == 1 && members.size() > 1);
        bool state = false;
        for (const std::size_t p : members)
          state = state || is_state(p, name);
        for (const std::size_t p : members) {
          const bool apart = state && !options_.share_states && programs_.size() > 1;
          const std::string& prefix = apart ? programs_[p].name : programs_[members.front()].name;
          names_[p][name] = plain && !apart ? name : prefix + "/" + name;
          if (state && (options_.share_states || is_state(p, name))) states_.insert(names_[p][name]);
        }
      }
    }
  }

  [[nodiscard]] bool is_state(std::size_t program, const std::string& name) const {
    const auto payload = programs_[program].payloads.find(name);
    return payload != programs_[program].payloads.end() && storages_.at(storage_key(payload->second)).mutated;
  }

  void emit_program(std::size_t p) {
    const Program& program = programs_[p];
    std::map<std::string, std::string> kinds;  // of names in the signature
    for (const InputSpec& spec : program.inputs)
      if (is_weight(spec))
        kinds[spec.target] = spec.kind == InputSpec::Kind::parameter ? "parameter"
                             : spec.kind == InputSpec::Kind::buffer  ? "buffer"
                                                                     : "constant";
    std::map<std::string, std::vector<std::string>> groups;  // states by storage
    for (const auto& [name, payload] : program.payloads) {
      const std::string& final_name = names_[p].at(name);
      const auto kind = kinds.find(name);
      if (states_.contains(final_name)) {
        // A second name of a state's storage that the program never uses is no state of its own.
        if (kind == kinds.end()) continue;
        groups[storage_key(payload)].push_back(name);
        table_.arguments_[p][name] = {plan::arg::State{final_name}};
        continue;
      }
      const std::string fallback = payload.is_parameter          ? "parameter"
                                   : payload.folder == "weights" ? "buffer"
                                                                 : "constant";
      add_weight(final_name, payload, kind == kinds.end() ? fallback : kind->second);
      table_.arguments_[p][name] = {plan::arg::Weight{final_name}};
    }
    for (const auto& [key, names] : groups)
      emit_states(p, storages_.at(key), names, kinds);
  }

  void add_weight(const std::string& name, const Payload& payload, const std::string& kind) {
    if (plan_.weights.contains(name)) return;
    const Storage& storage = storages_.at(storage_key(payload));
    plan::Weight weight;
    weight.kind = kind;
    weight.dtype = payload.dtype;
    weight.shape = payload.shape;
    weight.strides = payload.strides;
    weight.blob = add_blob(storage);
    const bool empty = std::find(payload.shape.begin(), payload.shape.end(), 0) != payload.shape.end();
    weight.offset_bytes =
        empty ? 0 : static_cast<std::uint64_t>(payload.storage_offset) * plan::size_bytes(payload.dtype);
    weight.requires_grad = payload.requires_grad;
    plan_.weights.emplace(name, std::move(weight));
  }

  std::string add_blob(const Storage& storage) {
    const auto [at, inserted] = plan_.blobs.try_emplace(storage.digest);
    if (inserted) {
      at->second.size_bytes = storage.entry->size_bytes;
      plan::Location& location = plan_.locations[storage.digest];
      location.uri = archive_.path();
      location.offset_bytes = storage.entry->offset;
      location.extra.emplace_back("identity", json_string(to_text(archive_.identity())));
    }
    return storage.digest;
  }

  /// The states over one storage: the one that covers it all, and views of it.
  void emit_states(std::size_t p, const Storage& storage, const std::vector<std::string>& names,
                   const std::map<std::string, std::string>& kinds) {
    const auto payload = [&](const std::string& name) -> const Payload& {
      return programs_[p].payloads.at(name);
    };
    std::string root;
    if (names.size() > 1) {
      const std::string* widest = &names.front();
      for (const std::string& name : names) {
        const auto rank = [&](const std::string& n) {
          return std::pair(payload(n).storage_offset == 0, extent_bytes(payload(n)).value_or(0));
        };
        if (rank(name) > rank(*widest)) widest = &name;
      }
      const bool covers =
          payload(*widest).storage_offset == 0 &&
          std::all_of(names.begin(), names.end(), [&](const std::string& n) {
            return extent_bytes(payload(n)).value_or(0) <= extent_bytes(payload(*widest)).value_or(0);
          });
      root = covers ? names_[p].at(*widest)
                    : whole_storage(names_[p].at(names.front()), storage, payload(names.front()));
    }
    for (const std::string& name : names) {
      const std::string& final_name = names_[p].at(name);
      if (plan_.states.contains(final_name)) continue;
      const Payload& view = payload(name);
      plan::State state;
      state.dtype = view.dtype;
      state.shape = view.shape;
      state.strides = view.strides;
      if (!root.empty() && root != final_name) {
        state.alias_of = root;
        state.offset_bytes = static_cast<std::uint64_t>(view.storage_offset) * plan::size_bytes(view.dtype);
      } else if (!storage.zeros) {
        add_weight(final_name, view, kinds.at(name));
        state.init.weight = final_name;
      }
      plan_.states.emplace(final_name, std::move(state));
    }
  }

  /// A state for the storage itself, when several views of it are states and none covers the others.
  std::string whole_storage(const std::string& first, const Storage& storage, const Payload& view) {
    std::string name = first + ".storage";
    const bool whole_elements = storage.entry->size_bytes % plan::size_bytes(view.dtype) == 0;
    Payload payload = view;
    payload.dtype = whole_elements ? view.dtype : plan::DType::u8;
    payload.shape = {static_cast<std::int64_t>(storage.entry->size_bytes / plan::size_bytes(payload.dtype))};
    payload.strides = {1};
    payload.storage_offset = 0;
    plan::State state;
    state.dtype = payload.dtype;
    state.shape = payload.shape;
    state.strides = payload.strides;
    if (!storage.zeros) {
      add_weight(name, payload, "buffer");
      state.init.weight = name;
    }
    plan_.states.try_emplace(name, std::move(state));
    return name;
  }

  const Pt2Archive& archive_;
  const std::vector<Program>& programs_;
  const Options& options_;
  plan::Plan& plan_;
  std::map<std::string, Storage> storages_;
  std::vector<std::map<std::string, std::string>> names_;  ///< per program: qualified name → name in the plan
  std::set<std::string> states_;                           ///< names in the plan that are states
  WeightTable table_;
};

Result<WeightTable> WeightTable::build(const Pt2Archive& archive, const std::vector<Program>& programs,
                                       const std::vector<Aliases>& aliases, const Options& options,
                                       const Progress& progress, plan::Plan& plan, bool& stopped) {
  WeightBuilder builder(archive, programs, options, plan);
  if (auto status = builder.collect(aliases); !status) return std::move(status).errors();
  if (!builder.hash(progress)) {
    stopped = true;
    return source_error("GE0201", archive.path(), "the capture was stopped", {});
  }
  return builder.emit();
}

plan::Arg WeightTable::argument(std::size_t program, std::string_view name) const {
  const auto at = arguments_[program].find(name);
  return at == arguments_[program].end() ? plan::Arg{} : at->second;
}

}  // namespace genie::pytorch
