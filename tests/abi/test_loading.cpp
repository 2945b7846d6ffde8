// Loading a plug-in: A4–A9, A17–A20. Each case has a plug-in that breaks one rule.
#include <doctest/doctest.h>

#include "plugin/tables.hpp"
#include "plugin_folder.hpp"
#include "services/host_table.hpp"

using genie::plugin::Candidate;
using genie::plugin::Catalogue;
using test::ManifestText;
using test::PluginFolder;

namespace {

struct Refusal {
  std::string code;
  std::string message;
  Candidate::State state;
};

// Loads the only plug-in of a folder, which must fail.
Refusal refusal_of(const std::string& built, const ManifestText& manifest = {}) {
  PluginFolder folder;
  folder.add(built, manifest);
  Catalogue catalogue = folder.discover();
  const auto loaded = catalogue.load(manifest.id);
  REQUIRE_FALSE(loaded.ok());
  return {loaded.errors().front().code, loaded.errors().front().message,
          catalogue.candidates().front().state};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("A17: a plug-in is found by its manifest and loaded by its id") {
  PluginFolder folder;
  const auto path = folder.add("good");
  Catalogue catalogue = folder.discover();
  REQUIRE(catalogue.candidates().size() == 1);
  CHECK(catalogue.candidates()[0].state == Candidate::State::found);
  CHECK(catalogue.ids_of_kind("policy") == std::vector<std::string>{"org.example.policy"});
  CHECK(catalogue.ids_of_kind("backend").empty());
  const auto library = catalogue.load("org.example.policy");
  REQUIRE(library.ok());
  CHECK((*library)->description().version == "1.0.0");
  CHECK((*library)->description().build == "C, by hand");
  CHECK((*library)->interface(GENIE_POLICY_V1) != nullptr);
  CHECK(catalogue.candidates()[0].state == Candidate::State::loaded);
  CHECK(contains(catalogue.explain()[0], "org.example.policy 1.0.0: loaded"));
}

TEST_CASE("A17: a library named directly is found through the manifest beside it") {
  PluginFolder folder;
  const auto path = folder.add("good");
  auto options = folder.options();
  options.paths = {path.string()};
  CHECK(Catalogue::discover(options).load("org.example.policy").ok());
}

TEST_CASE("A17: a folder that a build tree nests one level deep is searched") {
  PluginFolder folder;
  folder.add("good", {}, "deeper/good");
  CHECK(folder.discover().load("org.example.policy").ok());
}

TEST_CASE("A8: an unknown interface is null") {
  PluginFolder folder;
  folder.add("good");
  Catalogue catalogue = folder.discover();
  const auto library = catalogue.load("org.example.policy");
  REQUIRE(library.ok());
  CHECK((*library)->interface("genie.policy/1x") == nullptr);
  CHECK((*library)->interface("genie.policy/") == nullptr);
}

TEST_CASE("A4: another major is refused") {
  const Refusal refusal = refusal_of("wrong_major");
  CHECK(refusal.code == "GE0112");
  CHECK(refusal.message ==
        "org.example.policy: it was built for plug-in ABI 1.1, this host speaks 0.1: the majors differ");
}
TEST_CASE("A5: before 1.0 another minor is refused, with both versions named") {
  const Refusal refusal = refusal_of("wrong_minor");
  CHECK(refusal.code == "GE0112");
  CHECK(contains(refusal.message,
                 "built for plug-in ABI 0.2, this host speaks 0.1; before 1.0 they must be equal"));
}
TEST_CASE("A6: an entry that refuses has its own words reported") {
  const Refusal refusal = refusal_of("refuses");
  CHECK(refusal.code == "GE0111");
  CHECK(contains(refusal.message, "refused to start: there is no accelerator on this machine"));
  CHECK(refusal.state == Candidate::State::failed);
}
TEST_CASE("A6: an entry that refuses without words") {
  CHECK(contains(refusal_of("silent").message, "without saying why"));
}
TEST_CASE("A6: a library without the entry") {
  CHECK(refusal_of("no_entry").code == "GE0110");
}
TEST_CASE("A6: a descriptor with the wrong magic number") {
  CHECK(refusal_of("magic").code == "GE0114");
}
TEST_CASE("A6: an id that is not reverse DNS") {
  const Refusal refusal = refusal_of("bad_id", {.id = "policy"});
  CHECK(refusal.code == "GE0114");
  CHECK(contains(refusal.message, "'policy' is not reverse DNS"));
}
TEST_CASE("A6: a build with another sanitizer is refused with a message") {
  const Refusal refusal = refusal_of("sanitizer");
  CHECK(refusal.code == "GE0113");
  CHECK(contains(refusal.message, "built with the memory sanitizer"));
}
TEST_CASE("A17: a manifest and a library that disagree on the id") {
  const Refusal refusal = refusal_of("other_id");
  CHECK(refusal.code == "GE0115");
  CHECK(contains(refusal.message,
                 "manifest says org.example.policy 1.0.0, the library says org.example.another 1.0.0"));
}
TEST_CASE("A17: a manifest that promises an interface the library does not have") {
  const Refusal refusal = refusal_of("no_interface");
  CHECK(refusal.code == "GE0115");
  CHECK(contains(refusal.message, "promises the interface genie.policy/1"));
}
TEST_CASE("A19: what the loader says is reported") {
  const Refusal refusal = refusal_of("missing_symbol");
  CHECK(refusal.code == "GE0109");
  CHECK(contains(refusal.message, "undefined symbol: a_function_that_nobody_has"));
}
TEST_CASE("A17: a library that is not the one its manifest describes") {
  CHECK(refusal_of("good", {.sha256 = std::string(64, '0')}).code == "GE0104");
}

TEST_CASE("A18: a crash is contained, explained and remembered") {
  PluginFolder folder;
  folder.add("crashes");
  {
    Catalogue catalogue = folder.discover();
    const auto loaded = catalogue.load("org.example.policy");
    REQUIRE_FALSE(loaded.ok());
    CHECK(loaded.errors().front().code == "GE0107");
    CHECK(contains(loaded.errors().front().message, "with signal 11"));
    CHECK(contains(loaded.errors().front().message, "its last words: about to fall over"));
    CHECK(catalogue.candidates()[0].state == Candidate::State::quarantined);
    CHECK_FALSE(catalogue.candidates()[0].remembered);
  }
  Catalogue again = folder.discover();
  CHECK_FALSE(again.load("org.example.policy").ok());
  CHECK(again.candidates()[0].state == Candidate::State::quarantined);
  CHECK(again.candidates()[0].remembered);
  auto options = folder.options();
  options.rescan = true;
  Catalogue rescanned = Catalogue::discover(options);
  CHECK_FALSE(rescanned.load("org.example.policy").ok());
  CHECK_FALSE(rescanned.candidates()[0].remembered);
}
TEST_CASE("A18: a process that ends itself counts as a crash") {
  CHECK(contains(refusal_of("exits").message, "by ending the process with code 3"));
}
TEST_CASE("A11: an exception out of the entry stays in the child") {
  CHECK(refusal_of("throws").code == "GE0107");
}
TEST_CASE("A18: a plug-in that hangs is given up after the limit, and that is not remembered") {
  PluginFolder folder;
  folder.add("hangs");
  auto options = folder.options();
  options.probe_limit = std::chrono::milliseconds(150);
  Catalogue catalogue = Catalogue::discover(options);
  const auto loaded = catalogue.load("org.example.policy");
  REQUIRE_FALSE(loaded.ok());
  CHECK(loaded.errors().front().code == "GE0108");
  Catalogue again = Catalogue::discover(options);
  CHECK_FALSE(again.load("org.example.policy").ok());
  CHECK_FALSE(again.candidates()[0].remembered);
}
TEST_CASE("A11: output on stdout is a warning that quotes it") {
  PluginFolder folder;
  folder.add("stdout");
  Catalogue catalogue = folder.discover();
  catalogue.probe_all();
  REQUIRE(catalogue.candidates()[0].state == Candidate::State::usable);
  REQUIRE(catalogue.candidates()[0].diagnostics.size() == 1);
  CHECK(catalogue.candidates()[0].diagnostics[0].code == "GE0118");
  CHECK(contains(catalogue.candidates()[0].diagnostics[0].message, "hello from the plug-in"));
}
TEST_CASE("A18: a success is remembered until the library changes") {
  PluginFolder folder;
  folder.add("good");
  {
    Catalogue catalogue = folder.discover();
    REQUIRE(catalogue.load("org.example.policy").ok());
    CHECK_FALSE(catalogue.candidates()[0].remembered);
  }
  {
    Catalogue catalogue = folder.discover();
    REQUIRE(catalogue.load("org.example.policy").ok());
    CHECK(catalogue.candidates()[0].remembered);
  }
  folder.add("holes", {}, "good");
  Catalogue catalogue = folder.discover();
  REQUIRE(catalogue.load("org.example.policy").ok());
  CHECK_FALSE(catalogue.candidates()[0].remembered);
}
TEST_CASE("A18: without a genie-host nothing is tried out in this process") {
  PluginFolder folder;
  folder.add("crashes");
  auto options = folder.options();
  options.host_executable = folder.path() / "no-such-program";
  Catalogue catalogue = Catalogue::discover(options);
  const auto loaded = catalogue.load("org.example.policy");
  REQUIRE_FALSE(loaded.ok());
  CHECK(loaded.errors().front().code == "GE0119");
}

TEST_CASE("A17: one bad plug-in does not harm the others, and every candidate has a line") {
  PluginFolder folder;
  folder.scratch().file("broken.genie.json", "{");
  folder.add("crashes", {.id = "org.example.crashes"});
  folder.add("good");
  folder.add("good", {}, "second");
  Catalogue catalogue = folder.discover();
  catalogue.probe_all();
  CHECK(catalogue.load("org.example.policy").ok());
  const auto lines = catalogue.explain();
  REQUIRE(lines.size() == 4);
  CHECK(contains(lines[0], "broken.genie.json: failed"));
  CHECK(contains(lines[1], "org.example.crashes 1.0.0: quarantined, it crashed with signal 11"));
  CHECK(contains(lines[2], "org.example.policy 1.0.0: loaded"));
  CHECK(contains(lines[3], "org.example.policy 1.0.0: skipped, found first at"));
}
TEST_CASE("A17: what is named first wins over what is installed") {
  PluginFolder first;
  PluginFolder second;
  const auto winner = first.add("good");
  second.add("good", {.version = "9.0.0"});
  auto options = first.options();
  options.config_paths = {second.path().string()};
  const Catalogue catalogue = Catalogue::discover(options);
  REQUIRE(catalogue.find("org.example.policy") != nullptr);
  CHECK(catalogue.find("org.example.policy")->manifest.version == "1.0.0");
  CHECK(catalogue.find("org.example.policy")->through == "--plugin");
}
TEST_CASE("A17: an id that is not there names the nearest one") {
  PluginFolder folder;
  folder.add("good");
  const auto loaded = folder.discover().load("org.example.polcy");
  REQUIRE_FALSE(loaded.ok());
  CHECK(loaded.errors().front().code == "GE0101");
  CHECK(contains(loaded.errors().front().help, "did you mean org.example.policy?"));
}
TEST_CASE("A17: nothing but what a run names is tried out") {
  PluginFolder folder;
  folder.add("crashes", {.id = "org.example.crashes"});
  folder.add("good");
  Catalogue catalogue = folder.discover();
  REQUIRE(catalogue.load("org.example.policy").ok());
  CHECK(catalogue.find("org.example.crashes")->state == Candidate::State::found);
}
TEST_CASE("A19: environment defaults are set only where the environment has nothing") {
  PluginFolder folder;
  folder.add("good", {.rest = R"(, "env": {"GENIE_TEST_NEW": "plug-in", "GENIE_TEST_SET": "plug-in"})"});
  ::unsetenv("GENIE_TEST_NEW");
  ::setenv("GENIE_TEST_SET", "user", 1);
  const std::vector<std::string> ids = {"org.example.policy"};
  folder.discover().set_environment(ids);
  CHECK(std::string(::getenv("GENIE_TEST_NEW")) == "plug-in");
  CHECK(std::string(::getenv("GENIE_TEST_SET")) == "user");
}

TEST_CASE("A20: what others may write to is refused") {
  PluginFolder folder;
  const auto library = folder.add("good");
  const auto check = [&](const std::filesystem::path& path, const std::string& whom) {
    Catalogue catalogue = folder.discover();
    const auto loaded = catalogue.load("org.example.policy");
    REQUIRE_FALSE(loaded.ok());
    CHECK(loaded.errors().front().code == "GE0105");
    CHECK(contains(loaded.errors().front().message, "can be written by " + whom));
    CHECK(loaded.errors().front().help == "chmod go-w " + path.string());
  };
  SUBCASE("the library, by its group") {
    ::chmod(library.c_str(), S_IRWXU | S_IWGRP);
    check(library, "its group");
  }
  SUBCASE("the manifest, by everybody") {
    const auto manifest = folder.path() / "good.genie.json";
    ::chmod(manifest.c_str(), S_IRUSR | S_IWOTH);
    check(manifest, "everybody");
  }
  SUBCASE("the folder") {
    ::chmod(folder.path().c_str(), S_IRWXU | S_IWOTH | S_IXOTH);
    check(folder.path(), "everybody");
  }
}
TEST_CASE("A20: an allow-list admits an id with its bytes and nothing else") {
  PluginFolder folder;
  const auto library = folder.add("good");
  auto options = folder.options();
  const std::string sha = genie::services::sha256_of_file(library.string());
  SUBCASE("the right one") {
    options.allow = {{"org.example.policy", sha}};
    CHECK(Catalogue::discover(options).load("org.example.policy").ok());
  }
  SUBCASE("another digest") {
    options.allow = {{"org.example.policy", std::string(64, 'a')}};
    const auto loaded = Catalogue::discover(options).load("org.example.policy");
    REQUIRE_FALSE(loaded.ok());
    CHECK(loaded.errors().front().code == "GE0106");
  }
  SUBCASE("bytes changed after they were remembered, manifest kept") {
    options.allow = {{"org.example.policy", sha}};
    REQUIRE(Catalogue::discover(options).load("org.example.policy").ok());
    folder.add("holes", {.sha256 = sha}, "good");
    const auto loaded = Catalogue::discover(options).load("org.example.policy");
    REQUIRE_FALSE(loaded.ok());
    CHECK(loaded.errors().front().code == "GE0104");
  }
}

TEST_CASE("A9: holes, short tables and long tables are safe to call") {
  for (const std::string built : {"holes", "short", "long", "good"}) {
    CAPTURE(built);
    PluginFolder folder;
    folder.add(built);
    Catalogue catalogue = folder.discover();
    const auto library = catalogue.load("org.example.policy");
    REQUIRE(library.ok());
    const auto table = genie::plugin::copy_table<genie_policy_v1>((*library)->interface(GENIE_POLICY_V1));
    REQUIRE(table.has_value());
    CHECK(table->struct_size == sizeof(genie_policy_v1));
    const genie::services::HostTable host(
        std::make_shared<genie::services::Services>(genie::services::LogSink{}), "test");
    genie_policy* policy = nullptr;
    REQUIRE(table->create(host.get(), {"{}", 2}, &policy) == nullptr);
    const genie::services::StatusPtr status(table->schedule(nullptr, policy, nullptr, {}));
    REQUIRE_FALSE(status.ok());
    const bool has_schedule = built == "good" || built == "long";
    CHECK(status.info().code == (has_schedule ? GENIE_FAILED_PRECONDITION : GENIE_UNIMPLEMENTED));
    table->destroy(policy);
  }
}
TEST_CASE("A9: a table without room for create and destroy is refused when it is tried out") {
  CHECK(refusal_of("tiny").code == "GE0117");
}
