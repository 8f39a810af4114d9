#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <exception>

#include "common/codec.hpp"
#include "vm/native/task_executor.hpp"

/// `millrace-worker`: one task, then the end. Started by a node or by `millrace run`, never by
/// hand.
namespace {

using namespace millrace;
using namespace millrace::vm;

bool tell(const WorkerEvent& event) {
    return send_frame(kWorkerDescriptor, encode(event)).has_value();
}

int serve() {
    auto frame = receive_frame(kWorkerDescriptor);
    if (!frame) {
        std::fprintf(stderr,
                     "millrace-worker: runs one task for a node or for 'millrace run', over "
                     "descriptor 3; it is not started by hand (%s)\n",
                     frame.error().message.c_str());
        return 2;
    }
    auto job = decode<WorkerJob>(*frame);
    if (!job) {
        (void)tell(WorkerRefused{WorkerBlame::machine,
                                 std::string("the job does not decode: node and worker are of "
                                             "different builds")});
        return 2;
    }
    auto done = execute_task(*job, tell);
    if (done) return tell(*std::move(done)) ? 0 : 1;
    return tell(done.error()) ? 0 : 1;
}

}  // namespace

int main() {
    // Out of memory and the like: a sentence for the node, in place of a crash.
    try {
        return serve();
    } catch (const std::exception& error) {
        (void)tell(WorkerRefused{WorkerBlame::machine,
                                 std::string("the worker ran out of resources: ") + error.what()});
        return 3;
    }
}
