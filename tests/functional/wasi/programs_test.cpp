#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>

#include "tests/support/skip.hpp"
#include "tests/support/temp_dir.hpp"
#include "vm/native/disk_tree.hpp"
#include "vm/native/task_executor.hpp"
#include "vm/native/worker_client.hpp"

/// Programs of real compilers, unmodified, in this process and in a worker. Their sources lie
/// beside this file; the folder of their modules comes in MILLRACE_WASI_PROGRAMS.
namespace millrace::vm::test {
namespace {

namespace fs = std::filesystem;
using millrace::test::TempDir;

std::optional<fs::path> program(const std::string& name) {
    const char* folder = std::getenv("MILLRACE_WASI_PROGRAMS");
    const fs::path path = fs::path(folder == nullptr ? "" : folder) / name;
    if (folder != nullptr && fs::exists(path)) return path;
    millrace::test::skip_case(name + " (its compiler is not installed)");
    return std::nullopt;
}

void write(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
}
std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

WorkerJob job_of(const fs::path& module, const TempDir& scratch) {
    write(scratch.path() / "in/names/b.txt", "from the input\n");
    write(scratch.path() / "in/names/a.txt", "");
    write(scratch.path() / "in/names/B.txt", std::string(3 << 20, 'B'));
    write(scratch.path() / "stdin", "one two two three three three\n");
    WorkerJob job;
    job.module = module.string();
    job.args.emplace_back("program");
    job.args.emplace_back("an argument");
    job.env.emplace_back("GREETING=hello");
    job.task_index = 3;
    job.task_count = 8;
    job.job_time_ns = 1'700'000'000'000'000'000;
    job.gas_limit = std::uint64_t{1} << 34;
    job.memory_limit = std::uint64_t{256} << 20;
    job.segment_gas = segment_gas_of(job.gas_limit);
    job.inputs.emplace_back(FolderInput{(scratch.path() / "in").string()});
    job.stdin_file = (scratch.path() / "stdin").string();
    job.output_folder = (scratch.path() / "out").string();
    return job;
}

struct Watched {
    std::string out, err;
    bool operator()(const WorkerEvent& event) {
        if (const auto* wrote = std::get_if<WorkerWrote>(&event))
            (wrote->stream == 1 ? out : err) += as_text(wrote->bytes);
        return true;
    }
};

WorkerDone run(const WorkerJob& job, Watched& watched) {
    auto done = execute_task(job, [&](const WorkerEvent& event) { return watched(event); });
    if (!done) FAIL(std::string(done.error().sentence));
    return *std::move(done);
}

std::string text(const auto& bytes) {
    return std::string(as_text(bytes));
}

}  // namespace

TEST_SUITE("functional/wasi") {
    TEST_CASE("a C program sees its arguments, files, folders, streams") {
        const auto module = program("files_c.wasm");
        if (!module) return;
        TempDir scratch;
        WorkerJob job = job_of(*module, scratch);
        job.stream = true;
        job.claim = false;
        Watched watched;
        const WorkerDone done = run(job, watched);
        CHECK_EQ(watched.err, "to stderr\n");
        CHECK_EQ(watched.out,
                 "arg 0: program\narg 1: an argument\nGREETING=hello task 3 of 8\n"
                 "at 10000: line 1112\nsize 28890\ninput: from the input\n/in: names\n"
                 "/in/names: B.txt a.txt b.txt\ntree: moved.txt\n"
                 "stdin: one two two three three three\n");
        CHECK_EQ(done.facts.end, ClaimEnd::exited);
        CHECK_EQ(done.facts.code, 7U);
        CHECK_EQ(read(scratch.path() / "out/tree/moved.txt"), "line 0\nline ");
        CHECK_FALSE(fs::exists(scratch.path() / "out/tmp"));
        CHECK_EQ(text(done.tails.out), watched.out);
        auto output = scan_folder(scratch.path() / "out");
        REQUIRE(output.has_value());
        const auto manifest = manifest_of(output->image);
        REQUIRE(manifest.has_value());
        CHECK_EQ(tree_root(*manifest).bytes, done.facts.output_root.bytes);
    }

    TEST_CASE("a C++ program with containers, clocks and two hundred files") {
        const auto module = program("containers_cpp.wasm");
        if (!module) return;
        TempDir scratch;
        Watched watched;
        const WorkerDone done = run(job_of(*module, scratch), watched);
        CHECK_EQ(text(done.tails.out),
                 "one 1\nthree 3\ntwo 2\nslept 1\nyear 2023\nrandom 1\ndone\n");
        CHECK_EQ(done.facts.code, 0U);
        CHECK_EQ(read(scratch.path() / "out/d7/f7"), "0\n1\n2\n3\n4\n5\n6\n");
        REQUIRE(done.claim.has_value());
        CHECK_EQ(done.claim->output_root, done.facts.output_root);
        CHECK_EQ(done.claim->gas, done.facts.gas);
    }

    TEST_CASE("a Rust program with std::fs") {
        const auto module = program("files_rs.wasm");
        if (!module) return;
        TempDir scratch;
        Watched watched;
        const WorkerDone done = run(job_of(*module, scratch), watched);
        CHECK_EQ(text(done.tails.err), "");
        CHECK_EQ(text(done.tails.out),
                 "args [\"program\", \"an argument\"]\ntask Some(\"3\")\n"
                 "from 6: \"second\\nthird\\n\"\nlength 5\nagain NotFound\n"
                 "names [\"B.txt\", \"a.txt\", \"b.txt\"]\ndenied true\n"
                 "removed 150 left 150\ngone true\n"
                 "stdin \"one two two three three three\"\n");
        CHECK_EQ(done.facts.code, 3U);
        CHECK_EQ(read(scratch.path() / "out/copy.txt"), "from the input\n");
        CHECK_EQ(read(scratch.path() / "out/a/renamed.txt"), "first");
    }

    TEST_CASE("an AssemblyScript program counts the words of the files that its arguments name") {
        const auto module = program("report_as.wasm");
        if (!module) return;
        TempDir scratch;
        WorkerJob job = job_of(*module, scratch);
        write(scratch.path() / "in/a.txt", "one two\nthree four five\n");
        write(scratch.path() / "in/long.txt", std::string(3'000, 'x'));
        job.args = {"report", "a.txt", "long.txt", "nope", "names/a.txt"};
        WorkerSetup setup;
        setup.program = default_worker_program();
        setup.deadline = std::chrono::seconds(120);
        const std::atomic<bool> stop{false};
        const auto done = run_in_worker(setup, job, {}, stop);
        if (!done) FAIL(done.error().sentence);
        CHECK_EQ(text(done->tails.out), "hello from report, hello\nfiles: a.txt long.txt names\n");
        CHECK_EQ(text(done->tails.err), "nope: error 44\n");
        CHECK_EQ(done->facts.end, ClaimEnd::exited);
        CHECK_EQ(done->facts.code, 1U);
        CHECK_EQ(read(scratch.path() / "out/report.txt"),
                 "a.txt: 2 lines, 5 words\nlong.txt: 0 lines, 1 words\n"
                 "names/a.txt: 0 lines, 0 words\n"
                 "3 letters: 2\n4 letters: 2\n5 letters: 1\n3000 letters: 1\n");
        REQUIRE(done->claim.has_value());
        Watched watched;
        fs::remove_all(scratch.path() / "out");
        CHECK((*done->claim == *run(job, watched).claim));
    }

    TEST_CASE("a worker process comes to the same claim, every time") {
        const auto module = program("files_c.wasm");
        if (!module) return;
        TempDir scratch;
        WorkerJob job = job_of(*module, scratch);
        Watched watched;
        const WorkerDone here = run(job, watched);
        WorkerSetup setup;
        setup.program = default_worker_program();
        setup.deadline = std::chrono::seconds(120);
        const std::atomic<bool> stop{false};
        for (int i = 0; i < 2; ++i) {
            const auto there = run_in_worker(setup, job, {}, stop);
            if (!there) FAIL(there.error().sentence);
            REQUIRE(there->claim.has_value());
            CHECK((*there->claim == *here.claim));
        }
        // The same input as regions: the same state.
        auto tree = scan_folder(scratch.path() / "in");
        REQUIRE(tree.has_value());
        const auto manifest = write_regions(tree->image, scratch.path());
        REQUIRE(manifest.has_value());
        RegionInput input{*manifest, {}};
        for (std::size_t k = 0; k < manifest->regions.size(); ++k)
            input.files.emplace_back((scratch.path() / (std::to_string(k) + ".region")).string());
        job.inputs.clear();
        job.inputs.emplace_back(std::move(input));
        const auto there = run_in_worker(setup, job, {}, stop);
        if (!there) FAIL(there.error().sentence);
        CHECK((*there->claim == *here.claim));
    }

    TEST_CASE("three hundred numbered inputs, more than there may be open files") {
        const auto module = program("numbered_c.wasm");
        if (!module) return;
        TempDir scratch;
        WorkerJob job = job_of(*module, scratch);
        job.inputs.clear();
        job.numbered = true;
        for (int i = 0; i < 300; ++i) {
            const fs::path folder = scratch.path() / "parts" / std::to_string(i);
            write(folder / "number", std::to_string(i));
            job.inputs.emplace_back(FolderInput{folder.string()});
        }
        WorkerSetup setup;
        setup.program = default_worker_program();
        setup.deadline = std::chrono::seconds(120);
        const std::atomic<bool> stop{false};
        const auto done = run_in_worker(setup, job, {}, stop);
        if (!done) FAIL(done.error().sentence);
        CHECK_EQ(text(done->tails.out), "300 inputs, sum 44850\n");
        CHECK_EQ(done->facts.code, 0U);
    }

    TEST_CASE("a worker's trouble is a failure with a sentence, never more") {
        TempDir scratch;
        WorkerSetup setup;
        setup.program = default_worker_program();
        setup.deadline = std::chrono::seconds(120);
        std::atomic<bool> stop{false};
        WorkerJob job = job_of(scratch.path() / "absent.wasm", scratch);
        auto failed = run_in_worker(setup, job, {}, stop);
        REQUIRE_FALSE(failed.has_value());
        CHECK_EQ(failed.error().kind, WorkerFailure::Kind::refused);
        CHECK_EQ(failed.error().blame, WorkerBlame::machine);
        CHECK_NE(failed.error().sentence.find("absent.wasm"), std::string::npos);

        write(scratch.path() / "bad.wasm", "not a module");
        job.module = (scratch.path() / "bad.wasm").string();
        failed = run_in_worker(setup, job, {}, stop);
        REQUIRE_FALSE(failed.has_value());
        CHECK_EQ(failed.error().blame, WorkerBlame::job);

        // (module (memory 1) (func (export "_start") (loop (br 0))))
        constexpr char kLoop[] =
            "\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\5\3\1\0\1\7\x13\2\6memory\2\0"
            "\6_start\0\0\x0a\x09\1\7\0\3\x40\x0c\0\x0b\x0b";
        const std::string loop(kLoop, sizeof kLoop - 1);
        write(scratch.path() / "loop.wasm", loop);
        job.module = (scratch.path() / "loop.wasm").string();
        job.gas_limit = std::uint64_t{1} << 50;
        job.segment_gas = segment_gas_of(job.gas_limit);
        setup.deadline = std::chrono::milliseconds(300);
        failed = run_in_worker(setup, job, {}, stop);
        REQUIRE_FALSE(failed.has_value());
        CHECK_EQ(failed.error().kind, WorkerFailure::Kind::deadline);

        setup.deadline = std::chrono::seconds(120);
        setup.cpu_seconds = 1;
        failed = run_in_worker(setup, job, {}, stop);
        REQUIRE_FALSE(failed.has_value());
        CHECK_EQ(failed.error().kind, WorkerFailure::Kind::crashed);
        CHECK_NE(failed.error().sentence.find("processor time"), std::string::npos);

        stop = true;
        failed = run_in_worker(setup, job, {}, stop);
        REQUIRE_FALSE(failed.has_value());
        CHECK_EQ(failed.error().kind, WorkerFailure::Kind::stopped);

        stop = false;
        setup.address_space_extra = std::uint64_t{256} << 20;
        failed = run_in_worker(setup, job, {}, stop);
        REQUIRE_FALSE(failed.has_value());
        CHECK_FALSE(failed.error().sentence.empty());

        setup.program = scratch.path() / "no-worker";
        failed = run_in_worker(setup, job, {}, stop);
        REQUIRE_FALSE(failed.has_value());
        CHECK_EQ(failed.error().kind, WorkerFailure::Kind::not_started);
        setup.program = "/bin/true";
        failed = run_in_worker(setup, job, {}, stop);
        REQUIRE_FALSE(failed.has_value());
        CHECK_EQ(failed.error().kind, WorkerFailure::Kind::crashed);
    }

    TEST_CASE("out of gas is a result, with the empty output") {
        const auto module = program("containers_cpp.wasm");
        if (!module) return;
        TempDir scratch;
        WorkerJob job = job_of(*module, scratch);
        job.gas_limit = 2'000'000;
        Watched watched;
        const WorkerDone done = run(job, watched);
        CHECK_EQ(done.facts.end, ClaimEnd::out_of_gas);
        CHECK_EQ(done.facts.output_root.bytes, empty_tree_root().bytes);
        CHECK(done.output.regions.empty());
        CHECK(fs::is_empty(scratch.path() / "out"));
    }
}

}  // namespace millrace::vm::test
