package registry

import "syscall"

const sysFstatat = syscall.SYS_NEWFSTATAT
