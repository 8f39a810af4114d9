#include "wallet/job_verify.hpp"

#include <fmt/format.h>

#include <atomic>

#include "market/task.hpp"
#include "vm/machine/trap.hpp"
#include "vm/native/worker_client.hpp"
#include "wallet/ledger_view.hpp"
#include "wallet/modules.hpp"
#include "wallet/transfer.hpp"

namespace millrace::wallet {

namespace fs = std::filesystem;

namespace {

Try<fs::path> fetch_module(Context& context, const market::JobSpec& spec, const fs::path& scratch) {
    MILLRACE_TRY(const auto module, find_module(context, spec.image));
    if (!module)
        return Err{
            Failure{Exit::not_found, "the job's program is published no more: its time is over"}};
    const fs::path path = scratch / "module.wasm";
    const Hash blob = file_id(module->record.size, hash_as<Hash>(module->record.blob));
    MILLRACE_CHECK(fetch_blob(context, blob, module->record.size, path));
    // The image root is what the job was posted with: no other program passes for it.
    MILLRACE_TRY(Bytes bytes, read_module(path));
    MILLRACE_TRY(const ImageRoot image, image_of(path, std::move(bytes)));
    if (image == spec.image) return path;
    return Err{Failure{Exit::failed, "the node gives another program than the job names"}};
}

Try<LocalBlob> fetch_stdin(Context& context, const market::JobStdin& named,
                           const fs::path& scratch) {
    const fs::path path = scratch / "stdin";
    MILLRACE_CHECK(fetch_blob(context, named.id, named.bytes, path));
    return hash_file(path);
}

}  // namespace

std::string difference_of(const market::TaskResult& here, const market::TaskResult& claimed) {
    const auto differs = [](std::string_view what, const auto& a, const auto& b) {
        return fmt::format("{} {} here, {} claimed", what, a, b);
    };
    const TaskOutcome ended_here{0, market::TaskState::settled, here};
    const TaskOutcome ended_there{0, market::TaskState::settled, claimed};
    if (here.end != claimed.end || here.code != claimed.code ||
        here.trap_function != claimed.trap_function)
        return differs("end:", outcome_text(ended_here), outcome_text(ended_there));
    if (here.gas != claimed.gas) return differs("gas", here.gas.value, claimed.gas.value);
    if (here.output_root != claimed.output_root)
        return differs("output root", to_hex(here.output_root.view()),
                       to_hex(claimed.output_root.view()));
    if (here.tails != claimed.tails) return "the streams are not those that were claimed";
    return "";
}

Try<Verifier> Verifier::prepare(Context& context, const market::JobView& job,
                                const fs::path& scratch) {
    std::error_code ec;
    fs::remove_all(scratch, ec);
    fs::create_directories(scratch, ec);
    if (ec)
        return Err{Failure{Exit::failed, fmt::format("cannot make the folder {}: {}",
                                                     scratch.string(), ec.message())}};
    Verifier out;
    out.job_ = job;
    MILLRACE_TRY(out.module_, fetch_module(context, job.spec, scratch));
    if (job.spec.input) {
        MILLRACE_TRY(RemoteTree tree,
                     RemoteTree::fetch(context, job.spec.input->root, scratch / "input"));
        out.input_.emplace(std::move(tree));
    }
    if (job.spec.stdin_blob) {
        MILLRACE_TRY(out.stdin_blob_, fetch_stdin(context, *job.spec.stdin_blob, scratch));
    }
    return out;
}

Try<Verified> Verifier::verify(const TaskOutcome& task) const {
    if (!task.result)
        return Err{Failure{Exit::not_found, fmt::format("task {} has no result yet ({})", task.task,
                                                        enum_name(task.state))}};
    const vm::TaskArguments arguments =
        market::task_arguments(job_.id, job_.spec, job_.job.posted, task.task);
    vm::WorkerJob job = vm::worker_job(module_.string(), arguments);
    if (input_) {
        vm::RegionInput input;
        input.manifest = input_->manifest();
        for (const fs::path& file : input_->files()) input.files.emplace_back(file.string());
        job.inputs.push_back(std::move(input));
    }
    if (stdin_blob_) job.stdin_file = vm::WorkerPath(stdin_blob_->path.string());
    job.claim = true;
    vm::WorkerSetup setup;
    setup.program = vm::default_worker_program();
    const std::atomic<bool> never{false};
    const auto done = vm::run_in_worker(setup, job, [](const vm::WorkerEvent&) {}, never);
    if (!done.has_value()) return Err{Failure{Exit::failed, done.error().sentence}};
    if (!done->claim) return Err{Failure{Exit::failed, "the worker made no claim"}};
    Verified out;
    out.task = task.task;
    out.difference =
        difference_of(market::result_of(task.result->lease, *done->claim), *task.result);
    out.agrees = out.difference.empty();
    return out;
}

}  // namespace millrace::wallet
