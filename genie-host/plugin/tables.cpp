#include "plugin/tables.hpp"

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "services/status.hpp"

namespace genie::plugin {
namespace {

// Puts a stub where a slot is null. Stubs that return a status answer UNIMPLEMENTED, the others do nothing.
template <class R, class... A>
void fill(R (*&slot)(A...) noexcept) {
  if (slot) return;
  slot = [](A...) noexcept -> R {
    if constexpr (std::is_same_v<R, genie_status*>)
      return services::make_status(GENIE_UNIMPLEMENTED,
                                   "this plug-in does not have the function that was called");
  };
}
template <class... Slots>
void fill_all(Slots&... slots) {
  (fill(slots), ...);
}

void fill_table(genie_frontend_v1& t) {
  fill_all(t.create, t.destroy, t.probe, t.capture);
}
void fill_table(genie_policy_v1& t) {
  fill_all(t.create, t.destroy, t.schedule);
}
void fill_table(genie_backend_v1& t) {
  fill_all(t.create, t.destroy, t.topology, t.prepare, t.release_program, t.open_session, t.close_session,
           t.submit, t.cancel, t.release_value, t.read_state, t.write_state, t.stats, t.drain, t.observe,
           t.diagnose);
}
void fill_table(genie_kernels_v1& t) {
  fill_all(t.create, t.destroy, t.describe, t.open, t.close, t.alloc, t.free, t.copy, t.share,
           t.stream_create, t.stream_destroy, t.put_weight, t.release_weight, t.compile, t.release, t.run,
           t.stats);
}
void fill_table(genie_service_v1& t) {
  fill_all(t.create, t.destroy, t.serve, t.stop, t.diagnose);
}

}  // namespace

template <class Table>
std::optional<Table> copy_table(const void* raw) {
  std::uint64_t size = 0;
  std::memcpy(&size, raw, sizeof size);
  constexpr std::size_t kSmallest = offsetof(Table, destroy) + sizeof(Table::destroy);
  if (size < kSmallest) return std::nullopt;
  Table table{};
  // Whole slots only: a size that ends inside one leaves that slot a hole.
  const std::size_t taken =
      std::min<std::size_t>(static_cast<std::size_t>(size), sizeof(Table)) / sizeof(void*) * sizeof(void*);
  std::memcpy(static_cast<void*>(&table), raw, taken);
  table.struct_size = sizeof(Table);
  fill_table(table);
  return table;
}

template std::optional<genie_frontend_v1> copy_table(const void*);
template std::optional<genie_policy_v1> copy_table(const void*);
template std::optional<genie_backend_v1> copy_table(const void*);
template std::optional<genie_kernels_v1> copy_table(const void*);
template std::optional<genie_service_v1> copy_table(const void*);

}  // namespace genie::plugin
