millrace_test(NAME test_vm_wasi LABELS unit
  SOURCES
    unit/vm/wasi/abi_test.cpp
    unit/vm/wasi/files_test.cpp
    unit/vm/wasi/misc_test.cpp
    unit/vm/wasi/tree_test.cpp
  LIBS millrace_vm)
millrace_test(NAME test_vm_wasi_property LABELS property
  SOURCES
    property/vm/wasi_model_test.cpp
  LIBS millrace_vm)
if(TARGET millrace_vm_native)
  millrace_test(NAME test_vm_native LABELS unit
    SOURCES
      unit/vm/native/disk_tree_test.cpp
    LIBS millrace_vm_native)
endif()
