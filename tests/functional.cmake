# Whole programs against each other: real processes on loopback, each test with a node of its own.
if(MILLRACE_PURE_ONLY OR NOT TARGET millraced)
  return()
endif()
find_package(Python3 REQUIRED COMPONENTS Interpreter)
function(millrace_functional NAME TIMEOUT)
  add_test(NAME functional_${NAME} COMMAND ${Python3_EXECUTABLE}
    ${CMAKE_CURRENT_SOURCE_DIR}/functional/${NAME}.py ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} ${ARGN})
  # One at a time: their clocks are the chain's, and they load all cores by themselves.
  set_tests_properties(functional_${NAME} PROPERTIES LABELS functional TIMEOUT ${TIMEOUT} RUN_SERIAL ON
    SKIP_RETURN_CODE 77)
endfunction()
# The same with 64 MiB and, labelled `slow`, with 2 GiB.
millrace_functional(blobs 120 64)
add_test(NAME functional_blobs_2gib COMMAND ${Python3_EXECUTABLE}
  ${CMAKE_CURRENT_SOURCE_DIR}/functional/blobs.py ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} 2048)
set_tests_properties(functional_blobs_2gib PROPERTIES LABELS "functional;slow" TIMEOUT 900 RUN_SERIAL ON)
millrace_functional(main_path 60)
millrace_functional(one_instance 120)
millrace_functional(restarts 240)
millrace_functional(rpc 60)
millrace_functional(picture 600 ${PROJECT_SOURCE_DIR})
millrace_functional(rpc_access 120)
millrace_functional(rpc_hostile 180)
millrace_functional(rpc_subscriptions 120)
millrace_functional(state_proof 60)
millrace_functional(wallet_access 180)
millrace_functional(wallet_json 600)
millrace_functional(wallet_provider 600)
millrace_functional(wallet_terminal 600)
millrace_functional(wordcount 180 ${PROJECT_SOURCE_DIR})
# Preloaded under a node: a disk that fails on demand.
add_library(faulty_disk MODULE support/faulty_disk.c)
target_link_libraries(faulty_disk PRIVATE ${CMAKE_DL_LIBS})
millrace_functional(disk_faults 300 $<TARGET_FILE:faulty_disk>)
