// What the host gives to plug-ins: statuses, memory, completions, blobs (A10, A12, A15), through the C table where there is one.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <future>
#include <thread>
#include <vector>

#include "genie/cpp/core.hpp"
#include "genie/plan/codec.hpp"
#include "host/scratch.hpp"
#include "services/host_table.hpp"

using namespace genie::services;
using namespace std::string_literals;

namespace {

std::shared_ptr<Services> make_services(std::filesystem::path cache = {}, std::uint64_t quota = 0) {
  return std::make_shared<Services>(LogSink{}, std::move(cache), quota);
}

std::string digest_of(std::string_view bytes) {
  return genie::plan::digest(bytes);
}

}  // namespace

TEST_CASE("A10: a status carries copies of everything and belongs to its receiver") {
  const HostTable table(make_services(), "org.example.test");
  const genie_host* host = table.get();
  const std::int64_t before = live_statuses();
  std::string message = "the message";
  genie_status_info info{};
  info.struct_size = sizeof info;
  info.code = GENIE_NOT_FOUND;
  info.flags = GENIE_STATUS_RETRYABLE;
  info.message = {message.data(), message.size()};
  info.domain = str("errno");
  info.native_code = 2;
  info.node = str("n7");
  info.diagnostics = str("[]");
  genie_status* status = host->status_make(host, &info);
  message.assign(message.size(), '#');
  const genie_status_info* got = host->status_get(host, status);
  CHECK(got->code == GENIE_NOT_FOUND);
  CHECK(got->flags == GENIE_STATUS_RETRYABLE);
  CHECK(view(got->message) == "the message");
  CHECK(view(got->domain) == "errno");
  CHECK(got->native_code == 2);
  CHECK(view(got->node) == "n7");
  CHECK(view(got->diagnostics) == "[]");
  CHECK(live_statuses() == before + 1);
  host->status_release(host, status);
  host->status_release(host, nullptr);
  CHECK(live_statuses() == before);
}
TEST_CASE("A10: an unknown code reads as UNKNOWN, and a status is never OK") {
  const StatusPtr later(make_status(4711, "from a later version"));
  CHECK(later.info().code == GENIE_UNKNOWN);
  const StatusPtr ok(make_status(GENIE_OK, "not really"));
  CHECK(ok.info().code == GENIE_UNKNOWN);
  CHECK(status_name(GENIE_INCOMPATIBLE) == "INCOMPATIBLE");
}

TEST_CASE("A16: host memory is at least 64-byte aligned, also when asked for nothing") {
  const HostTable table(make_services(), "org.example.test");
  const genie_host* host = table.get();
  for (const std::uint64_t align : {1u, 8u, 64u, 4096u})
    for (const std::uint64_t size : {0u, 1u, 63u, 100'000u}) {
      void* data = host->alloc(host, size, align);
      REQUIRE(data != nullptr);
      CHECK(reinterpret_cast<std::uintptr_t>(data) % std::max<std::uint64_t>(align, 64) == 0);
      host->free(host, data);
    }
  CHECK(host->alloc(host, 8, 3) == nullptr);
  CHECK(host->alloc(host, UINT64_MAX - 10, 64) == nullptr);
  host->free(host, nullptr);
}

TEST_CASE("A15: a completion calls back once; a second signal is reported and does no harm") {
  auto services = make_services();
  const HostTable table(services, "org.example.test");
  const genie_host* host = table.get();
  int calls = 0;
  genie_completion* completion = nullptr;
  REQUIRE(host->completion_make(
              host,
              [](void* ctx, genie_status* status) noexcept {
                ++*static_cast<int*>(ctx);
                release_status(status);
              },
              &calls, &completion) == nullptr);
  const std::int64_t before = live_statuses();
  host->completion_signal(host, completion, nullptr);
  CHECK(calls == 1);
  host->completion_signal(host, completion, make_status(GENIE_ABORTED, "again"));
  CHECK(calls == 1);
  CHECK(live_statuses() == before);
  REQUIRE(services->misbehaviours().size() == 1);
  CHECK(services->misbehaviours()[0].find(
            "org.example.test signalled a completion that was signalled before") == 0);
}
TEST_CASE("A15: a ticket that is used again is not mistaken for the old one") {
  CompletionTable table([](const std::string&, const std::string&) {});
  int calls = 0;
  const genie_completion_fn fn = [](void* ctx, genie_status*) noexcept { ++*static_cast<int*>(ctx); };
  genie_completion* first = table.make(fn, &calls, "p");
  table.signal(first, nullptr);
  genie_completion* second = table.make(fn, &calls, "p");
  table.signal(first, nullptr);
  CHECK(calls == 1);
  CHECK(table.outstanding() == 1);
  CHECK(table.abandon(second));
  CHECK_FALSE(table.abandon(second));
  table.signal(second, nullptr);
  table.signal(nullptr, nullptr);
  table.signal(reinterpret_cast<genie_completion*>(0x7fff00001234), nullptr);
  CHECK(calls == 1);
  CHECK(table.outstanding() == 0);
}
TEST_CASE(
    "A15: a waiter returns at the signal, the deadline or the wish to stop, and keeps what the job was "
    "lent") {
  CompletionTable table([](const std::string&, const std::string&) {});
  // What destroys the payload says on which thread it did so.
  std::promise<std::thread::id> destroyed_by;
  std::future<std::thread::id> destroyed = destroyed_by.get_future();
  std::shared_ptr<int> payload(new int(7), [&](const int* number) {
    delete number;
    destroyed_by.set_value(std::this_thread::get_id());
  });
  std::weak_ptr<int> alive = payload;
  const std::thread::id here = std::this_thread::get_id();
  bool by_waiter = true;
  SUBCASE("signalled from another thread") {
    Waiter waiter(table, "p", std::move(payload));
    std::jthread other([&] { table.signal(waiter.completion(), make_status(GENIE_DATA_LOSS, "lost")); });
    CHECK(waiter.wait(GENIE_NO_DEADLINE, nullptr) == Waiter::Outcome::signalled);
    CHECK(waiter.take_status().info().code == GENIE_DATA_LOSS);
  }
  SUBCASE("signalled before anybody waits") {
    Waiter waiter(table, "p", std::move(payload));
    table.signal(waiter.completion(), nullptr);
    CHECK(waiter.wait(0, nullptr) == Waiter::Outcome::signalled);
    CHECK(waiter.take_status().ok());
  }
  SUBCASE("refused") {
    Waiter waiter(table, "p", std::move(payload));
    waiter.refused();
    CHECK(table.outstanding() == 0);
  }
  SUBCASE("given up, signalled late") {
    genie_completion* completion = nullptr;
    {
      Waiter waiter(table, "p", std::move(payload));
      completion = waiter.completion();
      CHECK(waiter.wait(monotonic_ns(), nullptr) == Waiter::Outcome::deadline);
      genie::runtime::CancelToken cancel;
      cancel.cancel();
      CHECK(waiter.wait(GENIE_NO_DEADLINE, &cancel) == Waiter::Outcome::cancelled);
    }
    CHECK_FALSE(alive.expired());
    CHECK(table.outstanding() == 1);
    by_waiter = false;  // here the signalling thread, which must not destroy it
    table.signal(completion, nullptr);
  }
  REQUIRE(destroyed.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
  CHECK((destroyed.get() == here) == by_waiter);
}

TEST_CASE("blobs: mapped read-only where they lie, aligned, range checked") {
  const test::Scratch scratch;
  const std::string first(100, 'a');
  const std::string second(64, 'b');
  scratch.file("model.bin", std::string(64, '.') + first + std::string(28, '.') + second);
  BlobStore store;
  genie::plan::Table<genie::plan::Blob> blobs;
  genie::plan::Table<genie::plan::Location> locations;
  const auto add = [&](const std::string& bytes, std::uint64_t offset) {
    blobs[digest_of(bytes)].size_bytes = bytes.size();
    locations[digest_of(bytes)] = {"model.bin", offset, {}};
  };
  add(first, 64);
  add(second, 192);
  BlobStore::Doubts doubts;
  REQUIRE(store.add(blobs, locations, scratch.path(), &doubts).ok());
  CHECK(doubts.unknown.size() == 2);
  CHECK(store.verify(nullptr, {}).ok());
  genie_bytes bytes{};
  REQUIRE(store.map(digest_of(second), &bytes) == nullptr);
  CHECK(std::string(static_cast<const char*>(bytes.data), bytes.size) == second);
  CHECK(reinterpret_cast<std::uintptr_t>(bytes.data) % 64 == 0);
  CHECK(store.copied_bytes() == 0);
  CHECK(store.mapped() == 1);
  store.unmap(digest_of(second));
  store.unmap(digest_of(second));
  CHECK(store.mapped() == 0);
  const StatusPtr unknown(store.map("sha256:00", &bytes));
  CHECK(unknown.info().code == GENIE_NOT_FOUND);
}
TEST_CASE("blobs: one that is not aligned in its file is copied, once, and counted") {
  const test::Scratch scratch;
  const std::string bytes = "unaligned";
  scratch.file("model.bin", "xyz" + bytes);
  BlobStore store;
  REQUIRE(store
              .add({{digest_of(bytes), {bytes.size(), {}}}}, {{digest_of(bytes), {"model.bin", 3, {}}}},
                   scratch.path(), nullptr)
              .ok());
  genie_bytes first{};
  genie_bytes second{};
  REQUIRE(store.map(digest_of(bytes), &first) == nullptr);
  REQUIRE(store.map(digest_of(bytes), &second) == nullptr);
  CHECK(first.data == second.data);
  CHECK(std::string(static_cast<const char*>(first.data), first.size) == bytes);
  CHECK(reinterpret_cast<std::uintptr_t>(first.data) % 64 == 0);
  CHECK(store.copied_bytes() == bytes.size());
}
TEST_CASE("blobs: an empty one has an address") {
  const test::Scratch scratch;
  scratch.file("model.bin", "");
  BlobStore store;
  REQUIRE(
      store.add({{digest_of(""), {0, {}}}}, {{digest_of(""), {"model.bin", 0, {}}}}, scratch.path(), nullptr)
          .ok());
  genie_bytes bytes{};
  REQUIRE(store.map(digest_of(""), &bytes) == nullptr);
  CHECK(bytes.data != nullptr);
  CHECK(bytes.size == 0);
}
TEST_CASE("GE0671 GE0672 GE0673: places that cannot be right") {
  const test::Scratch scratch;
  scratch.file("model.bin", "0123456789");
  const auto code = [&](genie::plan::Table<genie::plan::Location> locations, std::uint64_t size) {
    BlobStore store;
    const auto added = store.add({{"sha256:aa", {size, {}}}}, locations, scratch.path(), nullptr);
    return added.ok() ? std::string("ok") : added.errors().front().code;
  };
  CHECK(code({}, 10) == "GE0671");
  CHECK(code({{"sha256:aa", {"none.bin", 0, {}}}}, 10) == "GE0672");
  CHECK(code({{"sha256:aa", {".", 0, {}}}}, 10) == "GE0672");
  CHECK(code({{"sha256:aa", {"model.bin", 0, {}}}}, 10) == "ok");
  CHECK(code({{"sha256:aa", {"model.bin", 1, {}}}}, 10) == "GE0673");
  CHECK(code({{"sha256:aa", {"model.bin", UINT64_MAX, {}}}}, 10) == "GE0673");
  CHECK(code({{"sha256:aa", {"model.bin", 0, {}}}}, UINT64_MAX) == "GE0673");
}
TEST_CASE("GE0670 GE0674: a file that changed is noticed, by identity and by digest") {
  const test::Scratch scratch;
  const auto path = scratch.file("model.bin", "weights");
  const auto identity = FileIdentity::of_path(path.string());
  REQUIRE(identity.has_value());
  const std::string digest = digest_of("weights");
  genie::plan::Location location{"model.bin", 0, {}};
  location.extra.emplace_back("identity", '"' + identity->to_text() + '"');
  BlobStore store;
  BlobStore::Doubts doubts;
  REQUIRE(store.add({{digest, {7, {}}}}, {{digest, location}}, scratch.path(), &doubts).ok());
  CHECK(doubts.unknown.empty());
  CHECK(doubts.changed.empty());
  CHECK(store.check_unchanged().ok());

  std::filesystem::rename(scratch.file("other.bin", "WEIGHTS"), path);
  const auto changed = store.check_unchanged();
  REQUIRE_FALSE(changed.ok());
  CHECK(changed.errors().front().code == "GE0670");
  CHECK(changed.errors().front().message.find("another file has taken its place") != std::string::npos);

  BlobStore later;
  REQUIRE(later.add({{digest, {7, {}}}}, {{digest, location}}, scratch.path(), &doubts).ok());
  CHECK(doubts.changed == std::vector<std::string>{digest});
  const auto verified = later.verify(&doubts.changed, {});
  REQUIRE_FALSE(verified.ok());
  CHECK(verified.errors().front().code == "GE0674");
}
TEST_CASE("file identity: text and back") {
  const FileIdentity identity{1, 2, 3, -4, 5};
  CHECK(identity.to_text() == "1:2:3:-4:5");
  CHECK(FileIdentity::from_text("1:2:3:-4:5") == identity);
  for (const char* bad : {"", "1:2:3:4", "1:2:3:4:5:6", "a:2:3:4:5", "1:2:3:4:5 "})
    CHECK_FALSE(FileIdentity::from_text(bad).has_value());
}

TEST_CASE("blobs: a written one is published only with the right size and digest") {
  const test::Scratch scratch;
  const auto cache = scratch.path() / "blobs";
  const HostTable table(make_services(cache, 100), "org.example.test");
  const genie_host* host = table.get();
  const std::string bytes = "a blob that arrived";
  const std::string digest = digest_of(bytes);
  const auto files = [&] { return std::distance(std::filesystem::directory_iterator(cache), {}); };
  const auto write = [&](const std::string& content, std::uint64_t size) {
    genie_blob_writer* writer = nullptr;
    if (StatusPtr status(host->blob_begin(host, nullptr, str(digest), size, &writer)); !status.ok())
      return status;
    // In two pieces.
    const std::size_t half = content.size() / 2;
    StatusPtr status(host->blob_write(host, writer, content.data(), half));
    if (status.ok())
      status = StatusPtr(host->blob_write(host, writer, content.data() + half, content.size() - half));
    if (status.ok()) return StatusPtr(host->blob_commit(host, writer));
    host->blob_abort(host, writer);
    return status;
  };
  CHECK(write("other bytes, equal length"s.substr(0, bytes.size()), bytes.size()).info().code ==
        GENIE_INVALID_ARGUMENT);
  CHECK(write(bytes.substr(1), bytes.size()).info().code == GENIE_INVALID_ARGUMENT);
  CHECK(write(bytes + "!", bytes.size()).info().code == GENIE_INVALID_ARGUMENT);
  CHECK(write(bytes, 101).info().code == GENIE_RESOURCE_EXHAUSTED);
  CHECK(files() == 0);
  REQUIRE(write(bytes, bytes.size()).ok());
  CHECK(files() == 1);
  genie_bytes mapped{};
  REQUIRE(host->blob_map(host, nullptr, str(digest), &mapped) == nullptr);
  CHECK(std::string(static_cast<const char*>(mapped.data), mapped.size) == bytes);
  host->blob_unmap(host, str(digest));
  CHECK(write(bytes, bytes.size()).info().code == GENIE_ALREADY_EXISTS);
}
TEST_CASE("blobs: without a cache folder nothing is stored") {
  const HostTable table(make_services(), "org.example.test");
  genie_blob_writer* writer = nullptr;
  const StatusPtr status(table.get()->blob_begin(table.get(), nullptr, str(digest_of("x")), 1, &writer));
  CHECK(status.info().code == GENIE_FAILED_PRECONDITION);
}

TEST_CASE("plan_check: diagnostics go to the sink, the verdict is the status") {
  const HostTable table(make_services(), "org.example.test");
  const genie_host* host = table.get();
  genie::Text found;
  const StatusPtr bad(host->plan_check(host, nullptr, str("{"), {}, GENIE_CHECK_V3, found.sink()));
  REQUIRE_FALSE(bad.ok());
  CHECK(bad.info().code == GENIE_INVALID_ARGUMENT);
  CHECK(genie::plan::diagnostics_from_json(found.value).size() >= 1);
  const StatusPtr level(host->plan_check(host, nullptr, str("{}"), {}, 9, found.sink()));
  CHECK(level.info().code == GENIE_INVALID_ARGUMENT);
  const StatusPtr topology(host->plan_check(host, nullptr, str("{}"), {}, GENIE_CHECK_V4, found.sink()));
  CHECK(view(topology.info().message).find("topology") != std::string_view::npos);
}

TEST_CASE("log and trace: below the level nothing is composed; events are copied") {
  std::vector<std::string> lines;
  auto services = std::make_shared<Services>(LogSink{GENIE_LOG_INFO, [&](const LogLine& line) {
                                                       lines.push_back(std::string(line.component) + ": " +
                                                                       std::string(line.text));
                                                     }});
  services->trace = std::make_unique<TraceBuffer>();
  const HostTable table(services, "org.example.test");
  const genie_host* host = table.get();
  CHECK(host->log_level(host) == GENIE_LOG_INFO);
  host->log(host, nullptr, GENIE_LOG_DEBUG, {}, str("quiet"), nullptr, 0);
  host->log(host, nullptr, GENIE_LOG_ERROR, {}, str("loud"), nullptr, 0);
  host->log(host, nullptr, GENIE_LOG_INFO, str("part"), str("named"), nullptr, 0);
  CHECK(lines == std::vector<std::string>{"org.example.test: loud", "part: named"});
  std::string name = "s0";
  genie_trace_event event{};
  event.struct_size = sizeof event;
  event.name = {name.data(), name.size()};
  event.t_ns = 5;
  genie_call call{};
  call.struct_size = sizeof call;
  call.job = 9;
  host->trace(host, &call, &event);
  name = "##";
  const auto events = services->trace->take();
  REQUIRE(events.size() == 1);
  CHECK(events[0].name == "s0");
  CHECK(events[0].job == 9);
  CHECK(services->trace->take().empty());
}
TEST_CASE("kernels: an id that the run does not have names those it has") {
  auto services = make_services();
  const HostTable table(services, "org.example.test");
  genie_kernels_ref ref{};
  services->kernels.add("org.example.kernels", {nullptr, nullptr});
  const StatusPtr status(table.get()->kernels(table.get(), nullptr, str("org.example.none"), &ref));
  CHECK(status.info().code == GENIE_NOT_FOUND);
  CHECK(view(status.info().message) ==
        "this run has no kernels plug-in org.example.none; it has org.example.kernels");
  CHECK(table.get()->kernels(table.get(), nullptr, str("org.example.kernels"), &ref) == nullptr);
}
